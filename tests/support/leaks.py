"""Made-up secrets of every known kind, put together when they are asked for: no scanner of this repository finds one.

Also what looks a little like each of them and is none.
"""

import random
import re
import string
from typing import NamedTuple

_ALPHABETS = {
    "": string.ascii_letters + string.digits,
    " upper": string.ascii_uppercase + string.digits,
    " hex": "0123456789abcdef",
}
_random = random.Random(4711)
_TELLING = 6


class Leak(NamedTuple):
    """A text with a secret in it, and what of it is secret."""

    text: str
    parts: tuple[str, ...]

    def remains(self, text: str) -> list[str]:
        """What of the secret is in `text`, as far as it is long enough to be no accident."""
        pieces = [part[at : at + _TELLING] for part in self.parts for at in range(len(part) - _TELLING + 1)]
        return [piece for piece in pieces if piece in text]


def leak(form: str) -> Leak:
    """`form` without its bars, and with so many random characters for each `<36>`, `<36 hex>` and `<36 upper>`."""
    parts: list[str] = []

    def filled(match: re.Match[str]) -> str:
        """A letter and a digit first: what has none by chance is no fair sample."""
        alphabet = _ALPHABETS[match[2] or ""]
        first = [_random.choice([c for c in alphabet if c.isdigit() is digit]) for digit in (False, True)]
        parts.append("".join([*first, *(_random.choice(alphabet) for _ in range(int(match[1]) - 2))]))
        return parts[-1]

    return Leak(re.sub(r"<(\d+)( upper| hex)?>", filled, form.replace("|", "")), tuple(parts))


FORMS: dict[str, tuple[str, ...]] = {
    "private-key": (
        "-----|BEGIN RSA PRIVATE KEY-----\n<64>\n<64>\n<64>\n<30>==\n-----END RSA PRIVATE KEY-----",
        "-----|BEGIN OPENSSH PRIVATE KEY-----\n<70>\n<70>\n<70>\n-----END OPENSSH PRIVATE KEY-----",
        "-----|BEGIN PRIVATE KEY-----\n<64>\n<22>\n-----END PRIVATE KEY-----",
        "-----|BEGIN PGP PRIVATE KEY BLOCK-----\nVersion: 2\n\n<64>\n=<4>\n-----END PGP PRIVATE KEY BLOCK-----",
        "-----|BEGIN ENCRYPTED PRIVATE KEY-----\\n<64>\\n<64>\\n-----END ENCRYPTED PRIVATE KEY-----\\n",
        "-----|BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,X\nDEK-Info: AES,A1\n\n<64>\n-----END RSA PRIVATE KEY-----",
        "-----|BEGIN PRIVATE KEY-----\n<64>\n<64>\n<20>",
        "-----|BEGIN EC PRIVATE KEY-----\n<64>\n<64>",
        "-----|BEGIN OPENSSH PRIVATE KEY-----",
        "LS0tLS1CRUdJTi|BQUklWQVRF<80>",
    ),
    "memory-key": ("cm|k_<49>", "cm|o_<43>", "cm|r_<43>"),
    "age-key": ("AGE-|SECRET-KEY-1<58 upper>",),
    "aws-key": ("AK|IA<16 upper>", "AS|IA<16 upper>", "AB|SK<120>"),
    "aws-secret-key": (
        "AWS_SECRET_ACCESS_KEY=|<40>",
        "aws_secret_access_key = |<20>/<19>",
        '"SecretAccessKey": "|<40>"',
    ),
    "github-token": (
        "gh|p_<36>",
        "gh|o_<36>",
        "gh|u_<36>",
        "gh|s_<36>",
        "gh|r_<76>",
        "gh|s_<40>.<100>.<43>",
        "github|_pat_<22>_<59>",
    ),
    "gitlab-token": ("gl|pat-<20>", "gl|rt-<20>", "gl|agent-<50>", "gl|pat-<27>.01.<9>", "gl|oas-<64 hex>"),
    "anthropic-key": ("sk-|ant-api03-<93>AA", "sk-|ant-admin01-<93>AA", "sk-|ant-oat01-<86>"),
    "openrouter-key": ("sk-|or-v1-<64 hex>",),
    "openai-key": ("sk|-<48>", "sk-|proj-<74>_<73>", "sk-|svcacct-<60>", "sk-|admin-<60>"),
    "slack-webhook": ("https://hooks.|slack.com/services/T<9 upper>/B<9 upper>/<24>",),
    "slack-token": (
        "xox|b-123456789012-1234567890123-<24>",
        "xox|p-123456789012-123456789012-<32 hex>",
        "xap|p-1-A0123456789-1234567890123-<64 hex>",
        "xoxe.|xoxp-1-123456<140>",
    ),
    "stripe-key": ("sk_|live_<24>", "rk_|test_<99>", "wh|sec_<32>"),
    "google-key": ("AI|za<35>", "AQ|.Ab8<47>"),
    "google-oauth": ("GOC|SPX-<28>", "ya|29.<120>", "1/|/0<60>"),
    "azure-key": (
        "DefaultEndpointsProtocol=https;AccountName=shop;Account|Key=<86>==;EndpointSuffix=net",
        "Endpoint=sb://shop.example/;SharedAccessKeyName=Root;SharedAccess|Key=<43>=",
        "<52>JQQ|J99<29>",
    ),
    "azure-signature": ("https://shop.example/c?sv=2026-01-01&s|ig=<43>%3D&se=2027",),
    "azure-client-secret": ("<3>8|Q~<34>",),
    "npm-token": ("np|m_<36>",),
    "pypi-token": ("py|pi-AgEIcHlwaS5vcmc<150>",),
    "rubygems-key": ("ruby|gems_<48 hex>",),
    "docker-token": ("dck|r_pat_<27>", "dck|r_oat_<32>"),
    "huggingface-token": ("h|f_<34>",),
    "groq-key": ("gs|k_<52>",),
    "xai-key": ("xa|i-<80>",),
    "perplexity-key": ("ppl|x-<48>",),
    "replicate-token": ("r|8_<37>",),
    "langsmith-key": ("lsv|2_pt_<32 hex>_<10 hex>",),
    "discord-webhook": ("https://discord.com/api/|webhooks/123456789012345678/<68>",),
    "discord-token": ("M|<25>.<6>.<38>",),
    "telegram-token": ("123456789|:AA<33>",),
    "sendgrid-key": ("S|G.<22>.<43>",),
    "mailgun-key": ("ke|y-<32 hex>",),
    "mailchimp-key": ("<32 hex>-u|s12",),
    "brevo-key": ("xkey|sib-<64 hex>-<16>",),
    "resend-key": ("r|e_<8>_<24>",),
    "twilio-key": ("S|K<32 hex>",),
    "digitalocean-token": ("dop|_v1_<64 hex>",),
    "cloudflare-token": ("cfu|t_<48>", "v1|.0-<24 hex>-<146 hex>"),
    "databricks-token": ("da|pi<32 hex>-2",),
    "vault-token": ("hv|s.<95>",),
    "terraform-token": ("<14>.atlas|v1.<65>",),
    "pulumi-token": ("pu|l-<40 hex>",),
    "doppler-token": ("dp|.pt.<43>", "dp|.st.prd.<43>"),
    "onepassword-token": ("ops|_eyJ<250>", "A3|-<6 upper>-<6 upper>-<5 upper>-<5 upper>-<5 upper>-<5 upper>"),
    "heroku-key": ("HRK|U-<58>",),
    "fly-token": ("fo|1_<43>", "FlyV1 fm|2_<200>"),
    "netlify-token": ("nf|p_<36>",),
    "supabase-key": ("sb|p_<40 hex>", "sb|_secret_<31>"),
    "planetscale-token": ("psc|ale_tkn_<43>",),
    "tailscale-key": ("tsk|ey-auth-<17>-<32>",),
    "grafana-token": ("gls|a_<32>_<8 hex>", "gl|c_<60>"),
    "sentry-token": ("sntr|yu_<64 hex>", "sntr|ys_eyJ<120>"),
    "newrelic-key": ("NR|AK-<27 upper>",),
    "dynatrace-token": ("dt|0c01.<24 upper>.<64 upper>",),
    "postman-key": ("PM|AK-<24 hex>-<34 hex>",),
    "atlassian-token": ("ATA|TT3<186>", "AT|BB<32>"),
    "linear-key": ("li|n_api_<40>",),
    "notion-token": ("nt|n_<46>", "secr|et_<43>"),
    "figma-token": ("fig|d_<40>",),
    "shopify-token": ("shp|at_<32 hex>",),
    "square-token": ("sq|0atp-<22>", "EA|AA<60>"),
    "jwt": ("ey|J<30>.ey|J<60>.<43>",),
    "url-password": (
        "postgres://app:|<14>@db.example/shop",
        "redis://:|<8>@cache:6379/0",
        "https://ana:|<10>!$%2F@git.example/shop.git",
        "amqp://app:|a:b:<7>@[::1]/",
    ),
    "authorization": (
        "Authorization: Bearer |<40>",
        "authorization: Basic |<24>=",
        '{"Authorization": "token |<40>"}',
        "Bearer |<32>",
        "Proxy-Authorization: Digest |<32>",
    ),
    "argument": (
        "--password |<9>",
        "curl -s -u ana:|<8> https://shop.example",
        "--db-token=|<11>",
        "sshpass -p |<8> ssh ana@shop",
    ),
    "password": (
        "DB_PASSWORD=|<15>",
        "password: |<8>",
        '"password": "|<6>"',
        "pwd='|<10>'",
        'config["password"] = "|<9>"',
        "Server=db;Uid=app;Pwd=|<12>;",
        "<password>|<9></password>",
        "the password is `|<9>`",
        "PASSWORD=Tr!cky-|Horse",
        "passwd = P@ss(w0|rd)9",
        'password: str = "|<9>"',
    ),
    "secret": (
        "API_KEY=|<24>",
        "client_secret: |<32>",
        "MEMORY_API_KEY=|<48 hex>",
        "X-API-Key: |<32>",
        "https://shop.example/?access_token=|<20>&user=ana",
        "apiKey: '|<20>'",
        "PrivateKey = |<43>=",
        'session_token := "|<40>"',
        "TOKEN=|550e8400-e29b-41d4-a716-446655440000",
    ),
}

PLAIN = (
    "We decided to use FastAPI for the GPI project because it has good docs.",
    "commit 3f2a9c1b7d8e4f5a6b7c8d9e0f1a2b3c4d5e6f70 fixed it",
    "id 550e8400-e29b-41d4-a716-446655440000",
    "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "The password policy is 12 characters",
    "set API_KEY in the env file",
    "see https://example.org/a?b=c@d for the token docs",
    "mail me at a@b.example",
    "token: see the vault",
    "MEMORY_API_KEY=$(openssl rand -hex 32)",
    "sk-learn is a typo of scikit-learn",
    "the key = value format",
    "password: <your password here>",
    "secret=${VAULT_SECRET}",
    "export MEMORY_API_KEY=...",
    "--env MEMORY_API_KEY=... --env MEMORY_SERVER=http://memory.lan:8420",
    "Authorization: Bearer <key>",
    "Authorization: Bearer YOUR_TOKEN",
    "Authorization: Bearer $TOKEN",
    "The header is Authorization: Bearer, then the token",
    "bearer authentication with tokens-that-expire-after-some-days",
    "postgres://user:password@localhost/shop is the form of the address",
    "postgres://app:${DB_PASSWORD}@db/shop",
    "postgres://app:<password>@db/shop",
    "http://localhost:8420/mcp and http://127.0.0.1:8000/a@b",
    "git@github.com:acme/shop.git and ssh://git@github.com/acme/shop",
    "password=your_password_1",
    "password = get_password2()",
    'token = os.environ["API_TOKEN_2"]',
    "secret=config.SECRET_V2",
    "token_limit: 8192-tokens-in-v2",
    "max_tokens=200000-per-request",
    "tokenizer=gpt2-medium-v12-uncased",
    "password_file: /run/secrets/db1_password",
    "secret: op://vault/database-1/password",
    "secret: arn:aws:secretsmanager:us-east-1:123456789012:secret:prod/db",
    "secret: prod-db-credentials-2",
    "SECRET: PROD_DB_PASSWORD_1",
    "token: base64url-encoded-32-bytes",
    "password: sha256-hashed-with-a-salt",
    "password: 12-characters-or-more",
    "the secretary: room4711-third-floor",
    "password reset link: https://shop.example/reset/4711",
    "The key insight: caching2019 was wrong",
    "keyboard: qwerty12345layout",
    "public_key: ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIMv",
    "-----BEGIN CERTIFICATE-----\nMIIBszCCAVmgAwIBAgIUQ\n-----END CERTIFICATE-----",
    "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYI\n-----END PUBLIC KEY-----",
    "AKIA is how AWS key ids begin, ghp_ how GitHub's do, and sk-ant- Anthropic's",
    "use xoxb-your-token, or glpat-xxxx, or hf_xxx, or npm_token",
    "eyJ is how a JSON Web Token begins",
    "[redacted:aws-key] and DB_PASSWORD=[redacted:password]",
    "IKIAABCDEFGHIJKLMNOPQ is no AWS key: it begins with another letter",
    "docker run -u 1000:1000 -e PASSWORD image",
    "curl -u ana https://shop.example",
    "the class TestTokenRefresh2 in test_tokens_v2.py",
    "import secrets; secrets.token_hex(32)",
    "passwords are hashed with argon2id, m=65536, t=3, p=4",
    "flag --password-stdin, and --token from the vault",
    "token=***************12",
    "uuid4().hex gives 32 digits such as 0123456789abcdef0123456789abcdef",
    "The AQ. test and the SG. one; MD5 d41d8cd98f00b204e9800998ecf8427e",
    "key-value-store, monkey-patch, key-0 and key-1",
    "der Schlüssel liegt unter der Matte; das Passwort kennt Ana",
    "密码在保险库里",
    "npm install; pip install pypi-simple; gem install rubygems-update",
    "risk_test_coverage and task_live_updates_for_everyone_2026",
    "release 1.2.3-us12, key rotated in 2026-11",
    "Mxxxxxxxxxxxxxxxxxxxxxxxx.yyyyyy.zzz is how a bot's token looks",
)

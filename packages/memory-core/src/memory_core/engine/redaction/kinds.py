"""The kinds of secrets that are known by their shape, and how each looks. Only shapes that their makers publish, and
assignments to a name that says password, secret, token or key: nothing is guessed from how random a text looks, so that
prose, commit ids, digests and UUIDs are left alone.

A pattern finds the beginning of a secret, as much of it as is unmistakable; `finding` takes the rest of it along. Every
repetition has an upper bound, and none stands within another: the time for a text grows with its length and not faster.
"""

from msgspec import Struct

from memory_core.engine.redaction.assigned import COMMAND_LINE, PASSWORD, SECRET, UNLIKELY

_START = r"(?<![A-Za-z0-9])"
_CHAR = r"[A-Za-z0-9_-]"


class Kind(Struct, frozen=True):
    """`pattern` matches a secret, or something around one that then is its only group.

    It begins with one of the `marks`, or with `within` holds one: most texts need no pattern at all, and most patterns
    need be tried in few places. In `any_case` marks are lower case.
    """

    name: str
    what: str
    marks: tuple[str, ...]
    pattern: str
    any_case: bool = False
    within: bool = False


# A block ends at its END. Where there is none it ends with the last of what looks like its lines.
_BEGIN = r"-----BEGIN (?:[A-Z0-9]{1,16} ){0,4}PRIVATE KEY(?: BLOCK)?-----"
_UNTIL_END = r"(?:[^-]|-(?!----(?:BEGIN|END) )){0,65536}+-----END [A-Z0-9 ]{0,60}-----"
_LINE = r"(?:[A-Za-z0-9+/=]{16,65536}+|(?:Proc-Type|DEK-Info|Version|Comment|Hash): [^\n\\]{0,100}+)"
_LINES = rf"(?:[\s\\\"'`,|>#*+nr]{{0,40}}+{_LINE}){{1,65536}}+"
_LAST_LINE = r"(?:(?:\n|\\n)[ \t]{0,40}+[A-Za-z0-9+/]{2,15}={0,2}(?=[ \t]{0,4}(?:\n|\\n|[\"'`]|$)))?"
_BLOCK = rf"{_BEGIN}(?:{_UNTIL_END}|(?:{_LINES}{_LAST_LINE})?)"
# The same in Base64, as in a kubeconfig.
_ENCODED = r"LS0tLS1CRUdJTi(?:BSU0Eg|BQUklWQVRF|BFQyBQ|BPUEVOU1NI|BFTkNS)[A-Za-z0-9+/=]{24}"

_NAMES_OF_SECRETS = (
    "secret", "token", "credential", "api", "access", "private", "auth", "encryption", "signing", "account", "license",
)  # fmt: skip

KINDS = (
    Kind("private-key", "private keys: PEM, OpenSSH and PGP blocks, whole", ("-----BEGIN ", "LS0tLS1CRUdJTi"),
          f"{_BLOCK}|{_ENCODED}"),
    Kind("memory-key", "keys, codes and tokens of this server", ("cmk_", "cmo_", "cmr_", "cmc_"),
         _START + rf"cm[korc]_{_CHAR}{{40}}"),
    Kind("age-key", "age secret keys", ("AGE-SECRET-KEY-",), _START + r"AGE-SECRET-KEY-(?:PQ-)?1[A-Z0-9]{40}"),
    Kind("aws-key", "AWS access key ids, and Bedrock keys", ("AKIA", "ASIA", "ABIA", "ACCA", "ABSK"),
          _START + r"(?:(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}(?![A-Za-z0-9])|ABSK[A-Za-z0-9+/]{100})"),
    Kind("aws-secret-key", "AWS secret access keys, by their name or beside their id",
          ("secret", "aws", "akia", "asia"),
          r"(?:(?i:secret_?access_?key|aws_?secret(?:_?key)?)[\"'`]?[ \t]{0,4}[:=]{1,2}[ \t]{0,4}[\"'`]?"
          r"|(?:AKIA|ASIA)[A-Z0-9]{16}[\s,:;/|\"']{1,8})([A-Za-z0-9/+]{40})(?![A-Za-z0-9/+])", any_case=True),
    Kind("github-token", "GitHub tokens, classic, fine-grained and of apps",
          ("ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_"),
          _START + r"(?:gh[pousr]_[A-Za-z0-9]{36}|github_pat_[A-Za-z0-9_]{50})"),
    Kind("gitlab-token", "GitLab tokens: personal, runner, deploy, job, agent and others", ("gl", "GR1348941"),
          _START + rf"(?:gl(?:pat|oas|dt|rtr?|cbt|ptt|ft|imt|agent|wt|soat|ffct)-|GR1348941){_CHAR}{{20}}"),
    Kind("anthropic-key", "Anthropic keys and sign-in tokens", ("sk-ant-",),
          _START + rf"sk-ant-[a-z]{{3,8}}\d\d-{_CHAR}{{40}}"),
    Kind("openrouter-key", "OpenRouter keys", ("sk-or-",), _START + r"sk-or-v1-[0-9a-f]{48}"),
    Kind("openai-key", "OpenAI keys: of projects, service accounts, admins, and of old", ("sk-",),
          _START + rf"sk-(?:(?:proj|svcacct|admin|None)-(?={_CHAR}{{0,40}}\d){_CHAR}{{32}}|[A-Za-z0-9]{{32}})"),
    Kind("slack-webhook", "Slack webhook addresses", ("hooks.slack",),
          r"hooks\.slack(?:-gov)?\.com/(?:services|workflows|triggers)/([A-Za-z0-9/_-]{20})"),
    Kind("slack-token", "Slack tokens", ("xox", "xapp-"),
          _START + r"(?:xoxe\.)?(?:xox[a-z]|xapp)-(?=[A-Za-z0-9%-]{0,30}\d{3})[A-Za-z0-9%-]{16}"),
    Kind("stripe-key", "Stripe keys, and its webhooks' secrets",
         ("sk_live_", "sk_test_", "rk_live_", "rk_test_", "whsec_"),
          _START + r"(?:(?:sk|rk)_(?:live|test)_[A-Za-z0-9]{16}|whsec_[A-Za-z0-9+/]{24})"),
    Kind("google-key", "Google API keys", ("AIza", "AQ."), _START + rf"(?:AIza{_CHAR}{{35}}|AQ\.Ab{_CHAR}{{40}})"),
    Kind("google-oauth", "Google OAuth client secrets, access and refresh tokens", ("GOCSPX-", "ya29.", "1//0"),
          _START + rf"(?:GOCSPX-{_CHAR}{{24}}|ya29\.{_CHAR}{{30}}|1//0{_CHAR}{{30}})"),
    Kind("azure-key", "Azure keys: of storage, service bus and AI services", ("AccountKey=", "AccessKey=", "JQQJ9"),
          r"(?:AccountKey|AccessKey)=([A-Za-z0-9+/]{40})|" + _START + r"[A-Za-z0-9]{52}JQQJ9[9D][A-Za-z0-9]{20}",
         within=True),
    Kind("azure-signature", "signatures in Azure addresses (SAS)", ("sig=",), r"(?<=[?&])sig=([A-Za-z0-9%/+=]{40})"),
    Kind("azure-client-secret", "client secrets of Microsoft Entra", ("Q~",),
          r"(?<![A-Za-z0-9_~.-])[A-Za-z0-9_~.]{3}\dQ~[A-Za-z0-9_~.-]{31}", within=True),
    Kind("npm-token", "npm tokens", ("npm_",), _START + r"npm_[A-Za-z0-9]{36}"),
    Kind("pypi-token", "PyPI tokens", ("pypi-AgE",), _START + rf"pypi-AgE{_CHAR}{{50}}"),
    Kind("rubygems-key", "RubyGems keys", ("rubygems_",), _START + r"rubygems_[0-9a-f]{48}"),
    Kind("docker-token", "Docker Hub tokens", ("dckr_",), _START + rf"dckr_[po]at_{_CHAR}{{24}}"),
    Kind("huggingface-token", "Hugging Face tokens", ("hf_", "api_org_"),
          _START + r"(?:hf_|api_org_)[A-Za-z0-9]{34}"),
    Kind("groq-key", "Groq keys", ("gsk_",), _START + r"gsk_[A-Za-z0-9]{48}"),
    Kind("xai-key", "xAI keys", ("xai-",), _START + r"xai-[A-Za-z0-9]{64}"),
    Kind("perplexity-key", "Perplexity keys", ("pplx-",), _START + r"pplx-[A-Za-z0-9]{40}"),
    Kind("replicate-token", "Replicate tokens", ("r8_",), _START + r"r8_[A-Za-z0-9]{36}"),
    Kind("langsmith-key", "LangSmith keys", ("lsv2_",), _START + r"lsv2_[a-z]{2}_[0-9a-f]{32}"),
    Kind("discord-webhook", "Discord webhook addresses", ("/api/webhooks/",),
          rf"/api/webhooks/\d{{16,22}}/({_CHAR}{{40}})"),
    Kind("discord-token", "Discord bot tokens", (".",),
          rf"(?<![A-Za-z0-9_.-])[MNO]{_CHAR}{{22,28}}\.{_CHAR}{{6}}\.{_CHAR}{{27}}", within=True),
    Kind("telegram-token", "Telegram bot tokens", (":AA",), rf"(?<![0-9])\d{{8,12}}:AA{_CHAR}{{32}}", within=True),
    Kind("sendgrid-key", "SendGrid keys", ("SG.",), _START + rf"SG\.{_CHAR}{{20,24}}\.{_CHAR}{{39}}"),
    Kind("mailgun-key", "Mailgun keys", ("key-",), _START + r"key-[0-9a-f]{32}(?![A-Za-z0-9])"),
    Kind("mailchimp-key", "Mailchimp keys", ("-us",), _START + r"[0-9a-f]{32}-us\d{1,2}(?![A-Za-z0-9])", within=True),
    Kind("brevo-key", "Brevo keys", ("xkeysib-", "xsmtpsib-"), _START + r"x(?:key|smtp)sib-[0-9a-f]{64}"),
    Kind("resend-key", "Resend keys", ("re_",), _START + r"re_(?=[A-Za-z0-9_]{0,20}\d)[A-Za-z0-9]{8}_[A-Za-z0-9]{20}"),
    Kind("twilio-key", "Twilio keys", ("SK",), _START + r"SK[0-9a-f]{32}(?![A-Za-z0-9])"),
    Kind("digitalocean-token", "DigitalOcean tokens", ("dop_v1_", "doo_v1_", "dor_v1_"),
         _START + r"do[opr]_v1_[0-9a-f]{60}"),
    Kind("cloudflare-token", "Cloudflare keys and tokens", ("cfk_", "cfut_", "cfat_", "v1.0-"),
          _START + r"(?:cf(?:k|ut|at)_[A-Za-z0-9]{40}|v1\.0-[0-9a-f]{24}-[0-9a-f]{100})"),
    Kind("databricks-token", "Databricks tokens", ("dapi", "dkea"), _START + r"(?:dapi|dkea)[0-9a-f]{32}"),
    Kind("vault-token", "HashiCorp Vault tokens", ("hvs.", "hvb.", "hvr."), _START + rf"hv[sbr]\.{_CHAR}{{24}}"),
    Kind("terraform-token", "Terraform Cloud tokens", (".atlasv1.",),
          r"(?<![A-Za-z0-9])[A-Za-z0-9]{14}\.atlasv1\." + rf"{_CHAR}{{50}}", within=True),
    Kind("pulumi-token", "Pulumi tokens", ("pul-",), _START + r"pul-[0-9a-f]{40}"),
    Kind("doppler-token", "Doppler tokens", ("dp.",),
          _START + r"dp\.(?:pt|st|ct|sa|scim|audit)\.(?:[a-z0-9_-]{2,35}\.)?[A-Za-z0-9]{40}"),
    Kind("onepassword-token", "1Password service accounts and secret keys", ("ops_eyJ", "A3-"),
          _START + r"(?:ops_eyJ[A-Za-z0-9+/]{100}|A3-[A-Z0-9]{6}-[A-Z0-9]{6}-?[A-Z0-9]{5}(?:-[A-Z0-9]{5}){3})"),
    Kind("heroku-key", "Heroku keys", ("HRKU-",), _START + rf"HRKU-{_CHAR}{{36}}"),
    Kind("fly-token", "Fly.io tokens", ("fo1_", "fm1", "fm2_"),
          _START + rf"(?:fo1_{_CHAR}{{40}}|fm(?:1[ar]|2)_[A-Za-z0-9+/=]{{60}})"),
    Kind("netlify-token", "Netlify tokens", ("nfp_",), _START + r"nfp_[A-Za-z0-9]{36}"),
    Kind("supabase-key", "Supabase keys", ("sbp_", "sb_secret_"),
          _START + rf"(?:sbp_[0-9a-f]{{40}}|sb_secret_{_CHAR}{{20}})"),
    Kind("planetscale-token", "PlanetScale tokens and passwords", ("pscale_",),
          _START + r"pscale_(?:tkn|pw|oauth)_[A-Za-z0-9_.=-]{32}"),
    Kind("tailscale-key", "Tailscale keys", ("tskey-",), _START + r"tskey-[a-z]{3,10}-[A-Za-z0-9-]{16}"),
    Kind("grafana-token", "Grafana tokens", ("glc_", "glsa_"),
          _START + r"(?:glsa_[A-Za-z0-9]{32}|glc_[A-Za-z0-9+/]{32})"),
    Kind("sentry-token", "Sentry tokens", ("sntry",), _START + r"sntry(?:s_eyJ[A-Za-z0-9+/]{40}|u_[0-9a-f]{60})"),
    Kind("newrelic-key", "New Relic keys", ("NRAK-",), _START + r"NRAK-[A-Z0-9]{27}"),
    Kind("dynatrace-token", "Dynatrace tokens", ("dt0",), _START + r"dt0[a-z]\d\d\.[A-Z0-9]{24}\.[A-Z0-9]{60}"),
    Kind("postman-key", "Postman keys", ("PMAK-",), _START + r"PMAK-[0-9a-f]{24}-[0-9a-f]{34}"),
    Kind("atlassian-token", "Atlassian and Bitbucket tokens", ("ATATT3", "ATCTT3", "ATBB"),
          _START + rf"(?:AT[AC]TT3{_CHAR}{{60}}|ATBB[A-Za-z0-9]{{32}})"),
    Kind("linear-key", "Linear keys", ("lin_",), _START + r"lin_(?:api|oauth)_[A-Za-z0-9]{40}"),
    Kind("notion-token", "Notion tokens", ("ntn_", "secret_"),
          _START + r"(?:ntn_[A-Za-z0-9]{40}|secret_[A-Za-z0-9]{43})"),
    Kind("figma-token", "Figma tokens", ("figd_",), _START + rf"figd_{_CHAR}{{40}}"),
    Kind("shopify-token", "Shopify tokens", ("shp",), _START + r"shp(?:at|ca|pa|ss|ua)_[0-9a-fA-F]{32}"),
    Kind("square-token", "Square tokens", ("sq0", "EAAA"),
          _START + rf"(?:sq0(?:atp|csp)-{_CHAR}{{22}}|EAAA{_CHAR}{{56}})"),
    Kind("jwt", "JSON Web Tokens", ("eyJ",),
          rf"(?<![A-Za-z0-9_-])eyJ{_CHAR}{{8,2048}}+\.eyJ{_CHAR}{{8,8192}}+\.{_CHAR}{{16}}"),
    Kind("url-password", "passwords in addresses", ("://",),
          rf"://[^\s/:@\[\]]{{0,64}}+:{UNLIKELY}([^\s/@\[\]<>]{{3,200}}+)@(?=[A-Za-z0-9\[])"),
    Kind("authorization", "Authorization headers, and bearer tokens with digits", ("authorization", "bearer"),
          r"(?i:authorization)[\"'`]?[ \t]{0,4}[:=,][ \t]{0,4}[\"'`]?"
          r"(?i:bearer|basic|token|apikey|digest|bot|negotiate)[ \t]{1,4}[\"'`]?"
          rf"{UNLIKELY}(?=[A-Za-z0-9._~+/=-]{{0,60}}[A-Z0-9])([A-Za-z0-9._~+/=-]{{8}})"
          rf"|(?i:bearer)[ \t]{{1,4}}{UNLIKELY}(?=[A-Za-z._~+/=-]{{0,60}}\d)(?=[0-9._~+/=-]{{0,60}}[A-Za-z])"
          r"([A-Za-z0-9._~+/=-]{20})", any_case=True),
    Kind("argument", "passwords and tokens on command lines", ("--", "curl", "sshpass"), COMMAND_LINE, True),
    Kind("password", "passwords, by the name they are assigned to", ("pass", "pwd"), PASSWORD, True),
    Kind("secret", "other secrets, tokens and keys, by the name they are assigned to",
         _NAMES_OF_SECRETS, SECRET, True),
)  # fmt: skip
"""What is found in one place as two kinds has the name of the first of them."""

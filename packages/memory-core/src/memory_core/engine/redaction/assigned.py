"""Secrets that have no shape of their own, and are known by the name that they are given to: `DB_PASSWORD=…`.

That is how people write about settings too, so a value is left alone that is a placeholder, a variable, a call, a path,
an address, a name in capitals or the name of a method; and one that has no digit in it.
"""

_PLACEHOLDERS = (
    r"your|my[-_ ]|the[-_ ]|some[-_ ]|an?[-_]|example|sample|change|placeholder|replace|redact|dummy|fake|insert|enter"
    r"|todo|x{3}|\*{3}|\.{3}|…|none\b|null\b|true\b|false\b|pass(?:word|wd)?(?![A-Za-z0-9])|secret(?![A-Za-z0-9])"
    r"|token(?![A-Za-z0-9])|pw(?![A-Za-z0-9])|string\b|str\b"
)
_METHODS = r"(?:sha|md|base|oauth|utf|rfc|b?crypt|argon|pbkdf|aes|rsa|hmac|https?|tls|ssl|ed|ecdsa|gpt)[-_]?\d"
_MEASURES = r"\d{1,6}[-+ ]{0,2}(?:char|digit|byte|bit|hour|day|min|sec|letter|word|token|k\b)"
_REFERENCES = (
    r"process\.env|os\.|env[.:(]|getenv|config\.|settings\.|self\.|this\.|var\.|secrets?[./]|vault:|op:|file:|arn:"
    r"|projects/"
)
_PATHS = r"(?:\.{1,2}|~)/|/[\w.-]{1,60}/|[A-Za-z]:\\|[A-Za-z][A-Za-z0-9+.-]{1,15}://"
_FILES = r"[\w./-]{1,80}\.(?:ya?ml|json|txt|env|pem|key|crt|py|js|ts|md|toml|ini|conf|cfg|sh|sql|log)\b"

UNLIKELY = (
    rf"(?!(?i:{_PLACEHOLDERS}|{_METHODS}|{_MEASURES}|{_REFERENCES}|{_PATHS}|{_FILES})"
    r"|[<$%{*]"  # templates and variables
    r"|[A-Za-z_][\w.]{0,60}[(\[{]"  # calls
    r"|[A-Z][A-Z0-9]{0,24}(?:_[A-Z0-9]{1,24}){1,6}(?![A-Za-z0-9])"  # constants
    r"|[a-z]{1,24}(?:[-_][a-z]{1,24}){0,5}[-_]v?\d{1,4}(?![\w-]))"  # names with a number, such as db-credentials-2
)
"""What no secret begins with."""

_NO_NAME = (  # token_limit, password_file, secretary …
    r"(?![-_]?(?i:file|path|dir|url|uri|endpoint|name|type|ttl|expir|life|len|size|limit|count|max|min|field|header|column"
    r"|table|var\b|env\b|hash|polic|format|version|prefix|source|src|manager|ref|iz|ary|arial|less|reset|change|page|form"
    r"|input|label|hint|prompt|rule|regex|pattern|valid|check|stren|stor|provider|generat|id\b|ids\b|s\b))"
)
_NAMED = _NO_NAME + r"[A-Za-z0-9_]{0,24}+(?:[\"'`]\]?)?(?:[ \t]?:[ \t]?(?:str|String|string|SecretStr))?"
_GIVEN = r"(?:[ \t]{0,4}(?::=|=>|={1,2}|:)[ \t]{0,4}|[ \t]{1,4}is[ \t]{1,4}(?=[\"'`])|>)"
_VALUE = r"[^\s\"'`<>,;&\[\]]|&(?!\w{1,30}=)"
_ANY = r"[^\s\"'`<>,;\[\]]"
_DIGIT_AND_LETTER = rf"(?=(?:{_ANY}){{0,60}}\d)(?=(?:{_ANY}){{0,60}}[A-Za-z])"
_MIXED = rf"(?=(?:{_ANY}){{0,60}}[A-Z])(?=(?:{_ANY}){{0,60}}[a-z])(?=(?:{_ANY}){{0,60}}[!@#$%^&*?+~])"

PASSWORD = (
    rf"(?i:passw(?:or)?d|passphrase|passcode|pwd){_NAMED}{_GIVEN}[\"'`]?{UNLIKELY}(?:{_DIGIT_AND_LETTER}|{_MIXED})"
    rf"((?:{_VALUE}){{6,200}}+)"
)
SECRET = (
    r"(?i:secret|token|credential|api[ _-]?key|(?:access|private|auth|encryption|signing|account|license)[_-]?key)"
    rf"{_NAMED}{_GIVEN}[\"'`]?{UNLIKELY}{_DIGIT_AND_LETTER}((?:{_VALUE}){{12,200}}+)"
)
COMMAND_LINE = (
    rf"--(?:[a-z]{{1,20}}-){{0,3}}(?i:password|passwd|passphrase|token|secret|api-?key)[ =][\"'`]?{UNLIKELY}"
    rf"{_DIGIT_AND_LETTER}((?:{_VALUE}){{6,200}}+)"
    r"|(?i:curl)\b[^\n]{0,200}?[ \t](?:-u|--user)[ =]{0,2}[\"'`]?"
    rf"[^\s:\"'`]{{1,64}}+:{UNLIKELY}((?:{_VALUE}){{3,200}}+)"
    rf"|(?i:sshpass)[ \t]{{1,4}}-p[ \t]?[\"'`]?{UNLIKELY}((?:{_VALUE}){{3,200}}+)"
)

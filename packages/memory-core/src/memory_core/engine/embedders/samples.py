"""Texts on which an exported model is compared with its original: what people and agents keep, in several languages.

Their order does not matter. Some are near one another in meaning and some in words alone, so that each has a nearest
neighbour worth keeping; one is longer than most models read.
"""

SAMPLES = (
    "We deploy on Fridays, only after lunch.",
    "Releases go out at the end of the week.",
    "Ana prefers tabs over spaces.",
    "Indent with tabs: that is what Ana wants.",
    "Never log the key, not even its first characters.",
    "Secrets stay out of every log line.",
    "The nightly backup failed because the disk was full.",
    "There was no space left, so last night's copy of the database is missing.",
    "Retries back off exponentially, up to one minute.",
    "The coffee machine on the second floor is broken.",
    "ok",
    "TODO",
    "def connect(path: Path) -> Connection:\n    return duckdb.connect(path, read_only=True)",
    "SELECT count(*) FROM memories WHERE deleted_at IS NULL;",
    "TypeError: 'NoneType' object is not subscriptable (src/http/parser.py:214)",
    "git rebase --onto main feature~3 feature && git push --force-with-lease",
    "parse_http_header, parseHttpHeader and ParseHTTPHeader are the same function in three languages.",
    "Port 8420, timeout 2.5 s, limit 30/minute, version 1.4.0-rc.2, id 0x7f3a.",
    "https://example.org/docs/guide?page=2#install",
    "Wir liefern freitags aus, aber erst nach dem Mittagessen.",
    "Das Backup läuft jede Nacht um drei Uhr.",
    "On déploie le vendredi, seulement après le déjeuner.",
    "El servidor se reinicia solo cuando nadie lo usa.",
    "O cliente prefere receber as faturas em PDF.",
    "Мы выкладываем новую версию по пятницам после обеда.",
    "金曜日の昼休みの後にだけデプロイします。",
    "我们只在星期五午饭之后发布新版本。",
    "우리는 금요일 점심 이후에만 배포합니다.",
    "نحن ننشر الإصدار الجديد يوم الجمعة بعد الغداء.",
    "🎉 Shipped! naïve café, coöperate, ½ cup — “quoted” … done ✅",
    (
        "The bridge forwards each line to the server and adds three headers: key, client and project. "
        "It knows no tool, so a tool is written once. When the server is away it answers the first questions from a "
        "copy, keeps what was to be written, and sends it when the server is back. An agent sees an answer anyhow."
    ),
    "\n".join(
        f"Step {step}: look at table {step % 7}, note what changed since the last visit, and ask whoever wrote it."
        for step in range(1, 40)
    ),
)

"""What agents say in sessions, as hooks deliver it: the texts that summaries are made of."""

PORT_MOVED = """\
Done. The API now listens on port 9000, and the health check was moved with it.

What I changed:
- `server/config.py`: the default port is 9000
- `docker/compose.yaml`: maps 9000 instead of 8000
- `tests/test_config.py`: covers an explicit `PORT`

```bash
uv run pytest tests/test_config.py -q
# we decided nothing in here
```

We decided to keep `PORT` as an override, because the staging machine still sets it.

| file | lines |
|------|-------|
| config.py | 12 |

Should the old port keep answering with a redirect for a release?
"""

GOING_ON = """\
I'll look at the failing test first.

The failure was caused by a stale fixture: `tests/conftest.py` started the server before the migration had run. I \
moved the migration into the fixture, and all 214 tests pass now.

**Next steps:**
1. Rename `legacy_port` in the Helm chart
2. Not yet measured: what the migration costs on the large customer's database
"""

HELM_DONE = """\
The Helm chart is updated: `legacy_port` was renamed to `port` in `values.yaml` and in both templates, and `helm lint` \
passes.

TODO: tell the platform team before the next rollout.
"""

WITH_HEADINGS = """\
## Summary

I replaced the polling loop in `src/queue/worker.py` with LISTEN/NOTIFY, which brings the latency of a job from 2 s to \
15 ms.

## Decisions

- PostgreSQL notifications instead of Redis pub/sub: one service less to run
- Jobs stay at-least-once; consumers must be idempotent

## Open questions

- Who owns the dead-letter table?
- [x] Retry limit (it is 5)
- [ ] Alert when the queue is longer than 10,000

## How to test

Run `make worker` and put a job into the queue.
"""

COMPACTED = """\
<analysis>
Let me go through the conversation chronologically. The user decided to use nothing of this section.
</analysis>

<summary>
1. Primary Request and Intent:
   The user asked for rate limiting on the public endpoints of the billing service. It must survive a restart.

2. Key Technical Concepts:
   - Token bucket
   - FastAPI middleware

3. Files and Code Sections:
   - `billing/limits.py`
      - Why: the new bucket lives here
      ```python
      class Bucket: ...
      ```
   - `billing/app.py`
   - `tests/test_limits.py`, beside `billing/limits.py`

4. Errors and fixes:
   - `RuntimeError: no running event loop` in the tests: fixed by creating the lock lazily.

5. Problem Solving:
   We chose a token bucket over a fixed window, because bursts at the window's edge doubled the rate.

6. All user messages:
   - "please add rate limiting, we decided on it last week"
   - "no, not with redis"

7. Pending Tasks:
   - Return `Retry-After` in 429 answers
   - Document the limits in the README

8. Current Work:
   The middleware was added to `billing/app.py` and counts each API key; 31 tests pass. Counts are kept in SQLite so \
that they survive a restart.

9. Optional Next Step:
   Add `Retry-After` to the 429 answers, as the user asked: "and tell clients when to come back".
</summary>
"""

COMPACTED_DONE = """\
1. Primary Request and Intent:
   Fix the flaky login test.

7. Pending Tasks:
   None at this time.

8. Current Work:
   The login test waited for a toast that is not always shown. It waits for the redirect now, and passed 200 times.

9. Optional Next Step:
   No next steps are pending.
"""

SMALL_TALK_ONLY = "Great! You're welcome. Let me know if you need anything else?"

IDLE_OFFER = """\
The icons are SVG now, and the sprite sheet was removed, which saves 140 kB.

Would you like me to continue with the fonts?
"""

TOOL_NOISE = """\
⏺ Bash(npm test)
  ⎿  FAIL src/app.test.ts
     ● renders
{"level":"error","message":"we decided to fail"}
Traceback (most recent call last):
  File "/srv/app.py", line 12, in <module>
diff --git a/x b/x
+++ b/x
The snapshot was outdated after the button got its new label; I updated it and the suite is green.
https://ci.example.com/runs/1234
"""

GERMAN = """\
Die Suche ist jetzt in `suche.py` umgesetzt und findet auch Umlaute. Wir haben uns entschieden, den Index bei jedem \
Start neu zu bauen, weil er in 80 ms fertig ist.

Nächste Schritte:
- Die Trefferliste nach Datum sortieren
"""

JAPANESE = """\
検索機能を実装しました。結果は日付順に並びます。テストはすべて成功しています。
"""

QUESTION_ANSWERED = """\
Should the export be CSV or Parquet? I can do either, and both need the same query.
"""

ANSWER = """\
The export writes Parquet: we will use Parquet rather than CSV, since the finance team reads it with DuckDB.
"""

UNDECIDED = """\
It is not yet decided whether sessions expire after 30 or 90 days; that needs your decision.
"""

_FIELDS = ("name", "date", "price", "state", "owner", "colour", "weight", "height", "depth", "label")
LONG_LIST = "I went through the backlog and fixed what was small.\n" + "\n".join(
    f"- fixed issue number {number}: the {field} of the form was not saved" for number, field in enumerate(_FIELDS)
)

UNCLOSED = "The build works again.\n\n```\nnpm run build\nwe decided to never close this fence\n"

EVERYTHING = [
    PORT_MOVED, GOING_ON, HELM_DONE, WITH_HEADINGS, COMPACTED, COMPACTED_DONE, SMALL_TALK_ONLY, IDLE_OFFER, TOOL_NOISE,
    GERMAN, JAPANESE, QUESTION_ANSWERED, ANSWER, UNDECIDED, LONG_LIST, UNCLOSED,
]  # fmt: skip

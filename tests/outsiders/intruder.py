"""Somebody with a valid credential who tries what it does not allow.

    python intruder.py --credential so_xd.json publish evt.0.report.report_received.x subscribe 'cases.>'

Prints a JSON list with one object per attempt: {"try": "publish …", "denied": true|false}.
"""

import asyncio
import json
import sys

import nats


async def main():
    with open(sys.argv[2], encoding="utf-8") as file:
        credential = json.load(file)
    attempts = list(zip(sys.argv[3::2], sys.argv[4::2], strict=True))
    denied = []

    async def on_error(error):
        denied.append(str(error).lower())

    nc = await nats.connect(
        credential["url"],
        user=credential["user"],
        password=credential["password"],
        inbox_prefix=f"_INBOX_{credential['user']}",
        error_cb=on_error,
        allow_reconnect=False,
    )
    results = []
    for what, subject in attempts:
        before = len(denied)
        if what == "publish":
            await nc.publish(subject, b"{}")
        else:
            await nc.subscribe(subject)
        await nc.flush()
        for _ in range(20):  # the server's word comes on its own time
            if len(denied) > before:
                break
            await asyncio.sleep(0.05)
        words = denied[before:]
        results.append({"try": f"{what} {subject}", "denied": any("permissions violation" in w for w in words)})
    await nc.close()
    json.dump(results, sys.stdout)
    print()


asyncio.run(main())

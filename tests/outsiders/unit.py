"""A unit's own system: knows NATS and the published contracts (proto/asyncapi.yaml), and nothing else of Hồi Âm.

    python unit.py --credential so_xd.json --unit so_xd --idle 5

Fetches the cases that are put before the unit, opens each, accepts it and reports a result; returns every N-th with
`--return-every N`. Stops when nothing new came for `--idle` seconds, and prints one JSON object with what it did.
The credential file holds {"url", "user", "password"}.
"""

import argparse
import asyncio
import json
import sys

import nats


async def ask(nc, unit, verb, body):
    """One request to the desk; the reply is a JSON object with `kind` done, opened or refused."""
    reply = await nc.request(f"desk.{unit}.{verb}", json.dumps(body).encode(), timeout=20)
    return json.loads(reply.data)


async def handle(nc, unit, notice, number, return_every, done):
    """Opens, accepts and answers one case, or returns it; every step has a request id of its own, so repeating is harmless."""
    case, revision = notice["case"], notice["revision"]

    def request(verb, **more):
        return {"request_id": f"{case}-{revision}-{verb}", "case": case, "revision": revision, **more}

    opened = await ask(nc, unit, "open", request("open"))
    if opened["kind"] != "opened" or not opened["text"]:
        done["refused"].append(opened)
        return
    done["opened"] += 1
    if notice.get("role") == "coordinating":
        # Another unit leads the case and asks for our part in it, in `task`.
        steps = [("progress", request("progress", text="Đã làm phần việc của chúng tôi"), "progressed")]
    elif return_every and number % return_every == 0:
        steps = [("return", request("return", code="not_ours", text="Không thuộc địa bàn của chúng tôi"), "returned")]
    else:
        steps = [
            ("accept", request("accept"), "accepted"),
            ("result", request("result", code="done", text="Đã xử lý xong, cảm ơn ông bà đã phản ánh"), "answered"),
        ]
    for verb, body, counter in steps:
        reply = await ask(nc, unit, verb, body)
        if reply["kind"] == "done":
            done[counter] += 1
        else:
            done["refused"].append({"verb": verb, **reply})
            return


async def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--credential", required=True)
    parser.add_argument("--unit", required=True)
    parser.add_argument("--return-every", type=int, default=0)
    parser.add_argument("--idle", type=float, default=5.0, help="seconds without a new case after which to stop")
    options = parser.parse_args()
    with open(options.credential, encoding="utf-8") as file:
        credential = json.load(file)

    nc = await nats.connect(
        credential["url"],
        user=credential["user"],
        password=credential["password"],
        inbox_prefix=f"_INBOX_{credential['user']}",
        name=f"unit system of {options.unit}",
    )
    subscription = await nc.jetstream().pull_subscribe_bind(f"unit-{options.unit}", stream="CASES")
    done = {"fetched": 0, "opened": 0, "accepted": 0, "answered": 0, "progressed": 0, "returned": 0, "recalled": 0, "refused": []}
    while True:
        try:
            messages = await subscription.fetch(batch=50, timeout=options.idle)
        except asyncio.TimeoutError:  # nats.errors.TimeoutError is one, and the client raises this one too
            break
        for message in messages:
            done["fetched"] += 1
            notice = json.loads(message.data)
            if notice.get("recalled"):
                # Taken back: nothing is opened or answered any more.
                done["recalled"] += 1
                await message.ack()
                continue
            await handle(nc, options.unit, notice, done["fetched"], options.return_every, done)
            await message.ack()
    await nc.close()
    json.dump(done, sys.stdout, ensure_ascii=False)
    print()


asyncio.run(main())

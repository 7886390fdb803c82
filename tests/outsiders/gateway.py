"""A gateway's own system: publishes what it is given to the INBOX and prints what comes back on RECEIPTS.

    python gateway.py --credential demo.json --gateway demo --expect 3 < messages.jsonl

Each line of standard input: {"subject": "in.sms.demo", "body": "<base64>"}. With `--ask` each is a request on its subject and the
reply is printed instead. Prints one JSON object: {"held": N, "refused_by_broker": [...], "receipts": [...]}.
"""

import argparse
import asyncio
import base64
import json
import sys

import nats
from nats.errors import MaxPayloadError
from nats.errors import TimeoutError as NatsTimeout


async def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--credential", required=True)
    parser.add_argument("--gateway", required=True)
    parser.add_argument("--expect", type=int, default=0, help="receipts to wait for")
    parser.add_argument("--patience", type=float, default=60.0, help="seconds to wait for the next receipt")
    parser.add_argument("--ask", action="store_true")
    options = parser.parse_args()
    with open(options.credential, encoding="utf-8") as file:
        credential = json.load(file)
    nc = await nats.connect(
        credential["url"],
        user=credential["user"],
        password=credential["password"],
        inbox_prefix=f"_INBOX_{credential['user']}",
        name=f"gateway {options.gateway}",
    )
    stream = nc.jetstream()
    result = {"held": 0, "refused_by_broker": [], "receipts": []}
    for line in sys.stdin:
        message = json.loads(line)
        body = base64.b64decode(message["body"])
        try:
            if options.ask:
                reply = await nc.request(message["subject"], body, timeout=options.patience)
                result["receipts"].append(json.loads(reply.data))
            else:
                await stream.publish(message["subject"], body, timeout=20)
            result["held"] += 1
        except (MaxPayloadError, NatsTimeout, nats.errors.Error) as error:
            result["refused_by_broker"].append(type(error).__name__)
    if options.expect:
        subscription = await stream.pull_subscribe_bind(f"gw-{options.gateway}", stream="RECEIPTS")
        while len(result["receipts"]) < options.expect:
            try:
                for message in await subscription.fetch(batch=100, timeout=options.patience):
                    result["receipts"].append(json.loads(message.data))
                    await message.ack()
            except asyncio.TimeoutError:  # nats.errors.TimeoutError is one, and the client raises this one too
                break
    await nc.close()
    json.dump(result, sys.stdout, ensure_ascii=False)
    print()


asyncio.run(main())

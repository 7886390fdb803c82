"""An auditor who has the log's folder, its public key and its witnesses', and a verifier that is none of ours: aics-tlog.

    log_auditor.py FOLDER LOG_VKEY [WITNESS_VKEY ...]

Prints one JSON object; exit code 1 when the log is not what was signed, or a witness is missing.
Needs Python 3.12 or later: `pip install -r requirements-log.txt`.
"""

import json
import pathlib
import sys

from aics_tlog import FileSystemTileReader, audit_tiles, parse_note, parse_vkey, verify_checkpoint


def main():
    folder, log_key, *witness_keys = sys.argv[1:]
    try:
        note = parse_note((pathlib.Path(folder) / "checkpoint").read_bytes())
        witnesses = [parse_vkey(key) for key in witness_keys]
        result = verify_checkpoint(note, parse_vkey(log_key), witnesses, len(witnesses))
        if not result.ok:
            raise ValueError(result.error)
        report = audit_tiles(FileSystemTileReader(folder), result.size, result.root)
    except Exception as error:  # whatever it stumbles over: it does not believe this log
        print(json.dumps({"ok": False, "says": f"{type(error).__name__}: {error}"}))
        return 1
    print(json.dumps({"ok": True, "size": report.size, "tiles": report.tiles, "bundles": report.bundles}))
    return 0


sys.exit(main())

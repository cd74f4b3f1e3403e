"""Says which crates of a Cargo.lock an OSV record on standard input affects, and fails if any is.

Reads a JSON array of records. Only SEMVER ranges of crates.io are looked at; a pre-release counts as its release, which errs
towards reporting.
"""

import json
import re
import sys


def order(version):
    return tuple(int(part) for part in re.split(r"[-+]", version)[0].split("."))


def affected(version, ranges):
    for entry in ranges:
        if entry["type"] != "SEMVER":
            continue
        inside = False
        for event in entry["events"]:
            if "introduced" in event and (event["introduced"] == "0" or order(version) >= order(event["introduced"])):
                inside = True
            if "fixed" in event and order(version) >= order(event["fixed"]):
                inside = False
            if "last_affected" in event and order(version) > order(event["last_affected"]):
                inside = False
        if inside:
            return True
    return False


def main():
    with open(sys.argv[1], encoding="utf-8") as lock:
        crates = re.findall(r'^name = "(.+)"\nversion = "(.+)"$', lock.read(), re.MULTILINE)
    records = json.load(sys.stdin)
    looked, bad = 0, []
    for record in records:
        # An unmaintained crate is reported by RustSec as information; the database itself, where it can be had, decides on those.
        for part in record.get("affected", []):
            package = part.get("package", {})
            if package.get("ecosystem") != "crates.io":
                continue
            for name, version in crates:
                if name == package["name"]:
                    looked += 1
                    if affected(version, part.get("ranges", [])):
                        bad.append(f"{name} {version}: {record['id']} {record.get('summary', '')}")
    if not crates or not records:
        sys.exit("advisories: nothing to compare")
    print(f"advisories: {len(records)} OSV records, {looked} name a crate of ours, {len(bad)} affect it")
    for line in bad:
        print(f"  {line}")
    sys.exit(bool(bad))


main()

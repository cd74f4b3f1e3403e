#!/usr/bin/env python3
"""Holds `omg audit scan` against pip-audit, on every record of a copy of PyPA's database.

    pip_audit.py DATABASE OMG PIP-AUDIT

DATABASE is the repository's content (a folder with `vulns/`). Requirements files name every package of it in the versions that its
records name, in those on both sides of these, and in others; both programs have to find the same records for the same versions, and
each version that omg calls the fix has to be one of those that pip-audit names. pip-audit leaves the comparison to its server, which
here is one on loopback that goes by OSV's rules, with the versions' order of Python's own `packaging`. Needs that and PyYAML.
"""
import glob, json, os, subprocess, sys, tempfile
import beside, yaml
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

# Of each package; those that records name come first.
MOST_VERSIONS = 60


def order(text):
    return Version("0.dev0") if text == "0" else Version(text)


def affects(affected, version):
    """OSV's own rule: listed, or behind the last event that is not behind it."""
    if any(Version(one) == version for one in affected.get("versions", [])):
        return True
    for span in affected.get("ranges", []):
        if span["type"] != "ECOSYSTEM":
            continue
        is_in = False
        # Where a span ends at which another begins, the latter counts: so means it PYSEC-2022-42972, the one record that has that.
        for event in sorted(span["events"], key=lambda event: (order(*event.values()), "introduced" in event)):
            (kind, at), = event.items()
            if kind == "introduced" and version >= order(at):
                is_in = True
            elif kind == "fixed" and version >= order(at) or kind == "last_affected" and version > order(at):
                is_in = False
        if is_in:
            return True
    return False


def is_version(text):
    try:
        Version(text)
        return True
    except InvalidVersion:
        return False


def is_plain(record):
    """Whether all of its versions are some by Python's rules; `packaging` cannot order the others."""
    return all(
        all(map(is_version, affected.get("versions", [])))
        and all(is_version(at) for span in affected.get("ranges", []) if span["type"] == "ECOSYSTEM" for event in span["events"] for at in event.values())
        for affected in record["affected"])


def asked(affected):
    """Versions worth asking about."""
    named = [at for span in affected.get("ranges", []) if span["type"] == "ECOSYSTEM" for event in span["events"] for at in event.values() if at != "0"]
    near = [text for at in named for text in (at, at + ".post1", at + ".1", at + "rc1")]
    listed = sorted(affected.get("versions", []), key=Version)
    return near + listed[:2] + listed[-2:] + listed[:: max(1, len(listed) // 6)] + ["0.0.1", "9999"]


def serve(records):
    def answer(question):
        query = json.loads(question)
        name, version = query["package"]["name"], Version(query["version"])
        found = [record for record in records.get(name, []) if any(
            canonicalize_name(one["package"]["name"]) == name and affects(one, version) for one in record["affected"])]
        return json.dumps({"vulns": found} if found else {}).encode()

    return beside.serve(answer) + "v1/query"


def main(database, omg, pip_audit):
    records, wanted, left_out = {}, {}, 0
    for path in sorted(glob.glob(os.path.join(database, "vulns", "*", "*.yaml"))):
        record = yaml.load(open(path), yaml.BaseLoader)
        if "withdrawn" in record:
            continue
        if not is_plain(record):
            left_out += 1
            continue
        for affected in record["affected"]:
            name = canonicalize_name(affected["package"]["name"])
            records.setdefault(name, []).append(record)
            # The text as packaging writes it, so that both programs name the same.
            wanted.setdefault(name, {}).update((str(Version(text)), None) for text in asked(affected) if is_version(text))
    all_records = {record["id"]: record for of_one in records.values() for record in of_one}
    wanted = {name: list(versions)[:MOST_VERSIONS] for name, versions in wanted.items()}
    url, theirs, files = serve(records), set(), []
    fixes = {}
    with tempfile.TemporaryDirectory() as folder:
        for column in range(max(map(len, wanted.values()))):
            path = os.path.join(folder, f"requirements-{column}.txt")
            files.append(path)
            with open(path, "w") as out:
                out.writelines(f"{name}=={versions[column]}\n" for name, versions in sorted(wanted.items()) if len(versions) > column)
            line = [pip_audit, "--vulnerability-service", "osv", "--osv-url", url, "--cache-dir", os.path.join(folder, "cache"), "--no-deps", "--disable-pip", "--progress-spinner", "off", "--format", "json", "-r", path]
            said = json.loads(subprocess.run(line, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout)
            for one in said["dependencies"]:
                for fault in one["vulns"]:
                    key = (one["name"], one["version"], fault["id"])
                    theirs.add(key)
                    fixes[key] = set(fault["fix_versions"])
        osv = os.path.join(folder, "osv.json")
        json.dump(list(all_records.values()), open(osv, "w"))
        said = beside.scan(omg, beside.machine(folder, f'osv = ["file://{osv}"]'), "--all", *files)
    ours, odd = set(), []
    for one in said["findings"]:
        name = canonicalize_name(one["name"])
        ids = [id for id in [one["id"], *one["aliases"]] if id in all_records]
        ours |= {(name, one["version"], id) for id in ids}
        # omg joins the records of one fault, and names what mends all of them.
        known = set().union(*(fixes.get((name, one["version"], id), set()) for id in ids))
        if one["fixed"] and str(Version(one["fixed"])) not in known:
            odd.append((name, one["version"], one["id"], one["fixed"]))
    versions = sum(map(len, wanted.values()))
    print(f"{len(all_records)} records ({left_out} with versions that are none left out), {versions} versions: omg finds {len(ours)}, pip-audit {len(theirs)}")
    for title, differing in (("only omg", ours - theirs), ("only pip-audit", theirs - ours), ("fixed in a version that pip-audit does not name", odd)):
        for one in sorted(differing):
            print(f"  {title}: {' '.join(one)}")
    for one in said["unknown"]:
        print(f"  not known: {one['name']} {one['version']}: {one['reason']} {one['ids']}")
    sys.exit(0 if ours == theirs and theirs and not odd and not said["unknown"] else 1)


main(*sys.argv[1:])

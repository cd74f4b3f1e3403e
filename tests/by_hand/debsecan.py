#!/usr/bin/env python3
"""Holds `omg audit scan` against debsecan, on every package of this machine's lists as if all of them were installed.

    debsecan.py OMG DEBSECAN [OSV-RECORDS]

Each source has faults in all the states that Debian's tracker knows, at its real versions and beside them, and each package is
installed as it is, rebuilt, older, mended by its release, or newer than all. OSV-RECORDS is a JSON list of records DEBIAN-CVE-*, whose
real faults come besides. omg is given the tracker's JSON, debsecan what the tracker makes of the same for it; unimportant and
undetermined faults are left out there, and omg does not show them without `--all`.

debsecan's data name the good versions of a release one by one, so it calls bad what lies between the release's fix and that of
unstable and is no version of the release. Such differences are counted and have to be just those. Needs python3-apt.
"""
import apt_pkg, json, os, re, subprocess, sys, tempfile, zlib
import beside
from collections import defaultdict

RELEASE, CODE, OSV_RELEASE, OSV_UNSTABLE = "bookworm", "12", "Debian:12", ("Debian:14", "Debian:13")


def before(a, b):
    return apt_pkg.version_compare(a, b) < 0


def listed():
    """Each package of the lists once: its stanza's name, version, source and the source's version."""
    seen = {}
    dump = subprocess.run(["apt-cache", "dumpavail"], stdout=subprocess.PIPE, check=True).stdout
    for stanza in dump.decode().split("\n\n"):
        fields = dict(re.findall(r"^([A-Za-z-]+): (.*)$", stanza, re.M))
        if "Package" not in fields or fields["Package"] in seen:
            continue
        source, _, rest = fields.get("Source", fields["Package"]).partition(" (")
        seen[fields["Package"]] = (fields["Version"], source, rest.rstrip(")") or fields["Version"], fields["Architecture"])
    return seen


def states(version):
    """How a fault may stand: in the release, and in unstable."""
    mended, newest = version + "+deb12u9", version + "+really99"
    resolved = lambda at: {"status": "resolved", "fixed_version": at, "urgency": "medium"}
    still = {"status": "open", "urgency": "not yet assigned"}
    return [
        (resolved(version), resolved(version)), (resolved(mended), resolved(newest)), (resolved(mended), still),
        (still, resolved(newest)), (still, still), (resolved("0"), still), (resolved(version + "~"), resolved(newest)),
        (dict(still, nodsa="Minor issue", nodsa_reason="postponed"), resolved(newest)),
        (dict(still, urgency="end-of-life"), resolved(version)), (dict(still, urgency="unimportant"), still),
        ({"status": "undetermined", "urgency": "not yet assigned"}, still),
    ]


def variants(version):
    """Versions of the source that may be installed, with what is behind the binary's."""
    return [(version, ""), (version, "+b1"), (version + "~0", ""), (version + "+deb12u9", ""), (version + "+deb12u9", "+b2"),
            (version + "+zz", "")]


def of_osv(path, faults):
    """The real faults, in the tracker's words."""
    count = 0
    for record in json.load(open(path)):
        by_package = defaultdict(dict)
        for affected in record["affected"]:
            ecosystem, name = affected["package"]["ecosystem"], affected["package"]["name"]
            release = RELEASE if ecosystem == OSV_RELEASE else "sid" if ecosystem == OSV_UNSTABLE[0] else None
            for span in affected.get("ranges", []):
                at = {key: value for event in span["events"] for key, value in event.items()}
                told = {"status": "resolved", "fixed_version": at["fixed"]} if "fixed" in at else {"status": "open"}
                if release:
                    by_package[name][release] = dict(told, urgency="not yet assigned")
        for name, releases in by_package.items():
            if RELEASE in releases:
                faults[name][record["id"].removeprefix("DEBIAN-")] = releases
                count += 1
    return count


def feed(faults, good_versions):
    """The tracker's JSON as its export for debsecan has it."""
    names, lines = [], []
    for package, of_one in sorted(faults.items()):
        for id, releases in of_one.items():
            own, unstable = releases[RELEASE], releases.get("sid", {"status": "open"})
            if own.get("urgency") == "unimportant" or own["status"] == "undetermined":
                continue
            fixed = unstable["fixed_version"] if unstable["status"] == "resolved" and unstable["fixed_version"] != "0" else ""
            if own["status"] == "resolved":
                if own["fixed_version"] == "0":
                    continue
                good = [one for one in good_versions[package] if not before(one, own["fixed_version"])]
            else:
                good = []
            names.append(f"{id},,x")
            lines.append(f"{package},{len(names) - 1},S   ,{fixed},{' '.join(good)}")
    return zlib.compress(("VERSION 1\n" + "\n".join(names) + "\n\n" + "\n".join(lines) + "\n\n\n").encode())


def main(omg, debsecan, osv=None):
    apt_pkg.init()
    faults, installed, sources, good_versions = defaultdict(dict), {}, {}, defaultdict(list)
    packages = listed()
    for name, (version, source, source_version, architecture) in packages.items():
        # Packages of one source may be of several versions; the first stands for the tracker's.
        sources.setdefault(source, source_version)
    for number, (source, version) in enumerate(sorted(sources.items())):
        good_versions[source] = [version, version + "+deb12u9"]
        for at, (own, unstable) in enumerate(states(version)):
            faults[source][f"CVE-2026-{number * 100 + at}"] = {RELEASE: own, "sid": unstable}
    real = of_osv(osv, faults) if osv else 0
    with tempfile.TemporaryDirectory() as folder:
        tracker = os.path.join(folder, "tracker.json")
        root = beside.machine(folder, f'debian = "file://{tracker}"')
        os.makedirs(os.path.join(root, "etc/apt"))
        write = lambda below, text: open(os.path.join(root, below), "w").write(text)
        status = []
        for number, (name, (version, source, source_version, architecture)) in enumerate(packages.items()):
            of_source, rebuilt = variants(source_version)[number % 6]
            own = of_source + rebuilt
            installed[name] = (source, of_source)
            line = f"Source: {source} ({of_source})\n" if (source, of_source) != (name, own) else ""
            status.append(f"Package: {name}\nStatus: install ok installed\nArchitecture: {architecture}\nMaintainer: x\n{line}Version: {own}\nDescription: x\n")
        write("var/lib/dpkg/status", "\n".join(status))
        write("var/lib/dpkg/arch", "amd64\n")
        write("etc/apt/apt.conf", 'APT::Architecture "amd64";\n')
        write("etc/os-release", f'ID=debian\nVERSION_ID="{CODE}"\nVERSION_CODENAME={RELEASE}\n')
        json.dump({name: {id: {"description": "x", "releases": releases} for id, releases in of_one.items()} for name, of_one in faults.items()}, open(tracker, "w"))
        said = beside.scan(omg, root)
        body = feed(faults, good_versions)
        address = beside.serve(lambda _: body)
        line = [debsecan, "--suite", RELEASE, "--source", address, "--status", os.path.join(root, "var/lib/dpkg/status"), "--format", "simple", "--history", os.path.join(folder, "history"), "--config", "/dev/null", "--whitelist", os.path.join(folder, "whitelist")]
        theirs = subprocess.run(line, stdout=subprocess.PIPE, check=True, env=dict(os.environ, LC_ALL="C")).stdout.decode()
    theirs = {tuple(reversed(line.split()[:2])) for line in theirs.splitlines()}
    ours = {(package["name"], one["id"]) for one in said["findings"] for package in one["packages"]}
    between, unexplained = 0, [("only omg", *one) for one in sorted(ours - theirs)]
    for name, id in sorted(theirs - ours):
        source, version = installed[name]
        own = faults[source][id][RELEASE]
        is_between = own["status"] == "resolved" and not before(version, own["fixed_version"]) and version not in good_versions[source]
        if is_between:
            between += 1
        else:
            unexplained.append(("only debsecan", name, id))
    print(f"{len(installed)} packages, {sum(map(len, faults.values()))} faults, {real} of them real: omg finds {len(ours)}, debsecan {len(theirs)}; {between} of debsecan's lie between the release's fix and unstable's")
    for one in unexplained[:100]:
        source, version = installed[one[1]]
        print(" ", *one, version, faults[source].get(one[2]))
    sys.exit(0 if theirs and not unexplained else 1)


main(*sys.argv[1:])

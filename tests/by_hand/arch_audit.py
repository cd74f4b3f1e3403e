#!/usr/bin/env python3
"""Holds `omg audit scan` against arch-audit, on every version of every package that a copy of Arch's tracker names.

    arch_audit.py DATA OMG ARCH-AUDIT

DATA is a folder with `avg/AVG-*.json` and `tracker-raw-*.json` (groups in the tracker's own shape) and `alpm-purls.tar.zst`, which has
for each package the versions that are affected and those that mend it. Each package is installed in all of the versions that these
name, in newer and older ones, and rebuilt, one local database after another; both programs have to find the same groups for the same
packages.
"""
import collections, glob, json, os, re, subprocess, sys, tempfile, urllib.parse
import beside


def of_purls(archive, folder):
    """Groups made of what the purls say, and all the versions they name."""
    subprocess.run(["tar", "-I", "zstd", "-xf", archive, "-C", folder], check=True)
    groups, versions = [], collections.defaultdict(dict)
    for path in sorted(glob.glob(os.path.join(folder, "alpm/archlinux/*/vulnerabilities.yml"))):
        name, faults, key, version = os.path.basename(os.path.dirname(path)), {}, None, None
        for line in open(path):
            if found := re.match(r"- purl: .*@(.*)$", line):
                version = urllib.parse.unquote(found[1].split("?")[0])
                versions[name][version] = None
            elif "affected_by" in line or "fixing" in line:
                key = "affected" if "affected_by" in line else "fixed"
            elif found := re.match(r"\s+- (\S+)", line):
                faults.setdefault(found[1], {}).setdefault(key, version)
        for number, (id, at) in enumerate(sorted(faults.items())):
            fixed = at.get("fixed")
            # A status of each kind, with and without a version that mends it.
            status = ("Fixed" if number % 4 else "Testing") if fixed else ("Vulnerable", "Unknown", "Not affected")[number % 3]
            groups.append({"name": id, "packages": [name], "status": status, "severity": "High", "type": "x",
                           "affected": at.get("affected", fixed), "fixed": fixed, "ticket": None, "issues": [], "advisories": []})
    return groups, versions


def columns(versions):
    """What is installed, one database after another."""
    wanted = {}
    for name, named in versions.items():
        more = [text for one in named for text in (one, one + ".1", re.sub(r"-[^-]*$", "-0.1", one), "1:" + one.split(":")[-1])]
        wanted[name] = list(dict.fromkeys(more + ["0-1", "9999:1-1"]))
    for column in range(max(map(len, wanted.values()))):
        yield {name: all[column] for name, all in wanted.items() if column < len(all)}


def main(data, omg, arch_audit):
    compared = found_both = 0
    differing = []
    with tempfile.TemporaryDirectory() as folder:
        groups, versions = of_purls(os.path.join(data, "alpm-purls.tar.zst"), folder)
        for path in sorted(glob.glob(os.path.join(data, "avg/*.json")) + glob.glob(os.path.join(data, "tracker-raw-*.json"))):
            told = json.load(open(path))
            for group in told if isinstance(told, list) else [told]:
                group = dict({"ticket": None, "advisories": []}, **group, )
                group["fixed"] = group["fixed"] or None
                groups.append(group)
                for name in group["packages"]:
                    versions[name].update((one, None) for one in (group["affected"], group["fixed"]) if one)
        # One group by each name; omg takes the parts of one together.
        groups = list({group["name"]: group for group in groups if group["name"].startswith("AVG-")}.values()) + [
            dict(group, name=f"AVG-{100000 + number}") for number, group in enumerate(groups) if not group["name"].startswith("AVG-")]
        tracker, conf = (os.path.join(folder, name) for name in ("all.json", "pacman.conf"))
        json.dump(groups, open(tracker, "w"))
        root = beside.machine(folder, f'arch = "file://{tracker}"')
        open(conf, "w").write("[options]\nArchitecture = x86_64\n")
        open(os.path.join(root, "etc/os-release"), "w").write("ID=arch\n")
        for number, column in enumerate(columns(versions)):
            db = os.path.join(folder, f"db-{number}")
            for name, version in column.items():
                at = os.path.join(db, "local", f"{name}-{version}")
                os.makedirs(at)
                open(os.path.join(at, "desc"), "w").write(f"%NAME%\n{name}\n\n%VERSION%\n{version}\n\n%ARCH%\nany\n\n")
                open(os.path.join(at, "files"), "w").close()
            open(os.path.join(db, "local/ALPM_DB_VERSION"), "w").write("9\n")
            os.makedirs(os.path.join(db, "sync"))
            theirs = subprocess.run([arch_audit, "--source", tracker, "--dbpath", db, "--json"], stdout=subprocess.PIPE, check=True).stdout
            theirs = {(name, group["name"]) for group in json.loads(theirs) for name in group["packages"]}
            own = dict(os.environ, OMG_INDEX_DIR=os.path.join(folder, f"index-{number}"))
            place = [omg, "--root", root, "--config", conf, "--dbpath", db, "--backend", "pacman"]
            subprocess.run([*place, "refresh", "--advisories", "--quiet"], env=own)
            said = subprocess.run([*place, "audit", "scan", "--all", "--json"], env=own, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout
            ours = {(package["name"], one["id"]) for one in json.loads(said)["findings"] for package in one["packages"]}
            compared, found_both = compared + len(column), found_both + len(ours & theirs)
            differing += [("only omg", column[name], name, id) for name, id in ours - theirs]
            differing += [("only arch-audit", column[name], name, id) for name, id in theirs - ours]
    print(f"{len(groups)} groups, {compared} packages installed: {found_both} found by both, {len(differing)} by one alone")
    for one in sorted(differing)[:100]:
        print(" ", *one)
    sys.exit(0 if found_both and not differing else 1)


main(*sys.argv[1:])

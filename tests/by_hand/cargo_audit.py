#!/usr/bin/env python3
"""Holds `omg audit scan` against cargo-audit, on every advisory of a copy of RustSec's database.

    cargo_audit.py DATABASE OMG CARGO-AUDIT

DATABASE is the repository's content (a folder with `crates/`). One lock file names every crate of it in all the versions that its
advisories name, and in some beside these; both programs have to find the same advisories for the same versions. Needs Python 3.11.
"""
import glob, json, os, re, subprocess, sys, tempfile, tomllib
import beside

END = (1 << 62, 0, 0, "~")


def version(text):
    """A sort key of a version: what comes before a release sorts before it, whose sign is behind all letters."""
    numbers, _, pre = text.split("+")[0].partition("-")
    parts = [int(part) for part in numbers.split(".")] + [0, 0]
    return (*parts[:3], pre or "~")


def written(key):
    return ".".join(map(str, key[:3])) + ("" if key[3] == "~" else "-" + key[3])


def after(key):
    """The first version behind this one, before anything of the next patch."""
    return (key[0], key[1], key[2] + 1, "0")


def span(requirement):
    """The versions of a cargo requirement, as [from, until)."""
    low, high = (0, 0, 0, "0"), END
    for part in requirement.split(","):
        sign, text = re.match(r"\s*([<>=^~]*)\s*(\S+)", part).groups()
        at, given = version(text), text.split("-")[0].count(".") + 1
        if sign == ">=":
            low = at
        elif sign == ">":
            low = after(at)
        elif sign == "<":
            high = at
        elif sign == "<=":
            high = after(at)
        elif sign == "=":
            low, high = at, after(at)
        elif sign == "~":
            low, high = at, ((at[0], at[1] + 1, 0, "0") if given > 1 else (at[0] + 1, 0, 0, "0"))
        else:
            place = next((i for i in range(3) if at[i]), min(given, 3) - 1)
            low, high = at, (*at[:place], at[place] + 1, *[0] * (2 - place), "0")
    return low, high


def events(good):
    """OSV's events for all that no good span holds."""
    found, reached = [], (0, 0, 0, "0")
    for low, high in sorted(good):
        if low > reached:
            found += [{"introduced": written(reached)}, {"fixed": written(low)}]
        reached = max(reached, high)
    if reached < END:
        found.append({"introduced": written(reached)})
    return found


def main(database, omg, cargo_audit):
    records, wanted = [], set()
    for path in sorted(glob.glob(os.path.join(database, "crates", "*", "*.md"))):
        told = tomllib.loads(re.search(r"```toml\n(.*?)```", open(path).read(), re.S).group(1))
        advisory, versions = told["advisory"], told.get("versions", {})
        if advisory.get("withdrawn"):
            continue
        good = [span(one) for key in ("patched", "unaffected") for one in versions.get(key, [])]
        affected = {"package": {"ecosystem": "crates.io", "name": advisory["package"]},
                    "ranges": [{"type": "SEMVER", "events": events(good)}]}
        records.append({"id": advisory["id"], "aliases": [], "affected": [affected]})
        for low, high in good + [span("^0.1"), span("^1")]:
            for at in [low, high]:
                if at != END:
                    near = [at[:3], (*at[:2], at[2] + 1), (at[0], at[1], max(at[2] - 1, 0))]
                    wanted |= {(advisory["package"], ".".join(map(str, one))) for one in near}
    with tempfile.TemporaryDirectory() as folder:
        lock, osv = (os.path.join(folder, name) for name in ("Cargo.lock", "osv.json"))
        source = 'source = "registry+https://github.com/rust-lang/crates.io-index"\n'
        with open(lock, "w") as out:
            out.write("version = 3\n")
            for name, at in sorted(wanted):
                out.write(f'\n[[package]]\nname = "{name}"\nversion = "{at}"\n{source}')
        json.dump(records, open(osv, "w"))
        ours = beside.scan(omg, beside.machine(folder, f'osv = ["file://{osv}"]'), lock)
        # Whether a version was yanked is another question, and one for the network.
        os.mkdir(os.path.join(folder, ".cargo"))
        open(os.path.join(folder, ".cargo/audit.toml"), "w").write("[yanked]\nenabled = false\n")
        line = [cargo_audit, "audit", "--no-fetch", "--stale", "--db", os.path.abspath(database), "--file", lock, "--json"]
        theirs = json.loads(subprocess.run(line, stdout=subprocess.PIPE, cwd=folder).stdout)
    found = {(one["name"], one["version"], one["id"]) for one in ours["findings"]}
    known = theirs["vulnerabilities"]["list"] + sum(theirs["warnings"].values(), [])
    known = {(one["package"]["name"], one["package"]["version"], one["advisory"]["id"]) for one in known if one.get("advisory")}
    print(f"{len(records)} advisories, {len(wanted)} versions: omg finds {len(found)}, cargo-audit {len(known)}")
    for title, differing in (("only omg", found - known), ("only cargo-audit", known - found)):
        for one in sorted(differing):
            print(f"  {title}: {' '.join(one)}")
    sys.exit(0 if found == known and not ours["unknown"] else 1)


main(*sys.argv[1:])

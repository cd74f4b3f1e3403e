//! The readers on small files that the tools themselves wrote, which are the fuzzers' seeds as well, and on what these do not show.

use super::*;
use std::collections::HashMap;
use std::path::Path;

macro_rules! seed {
    ($name:literal) => {
        include_str!(concat!("../../../fuzz/seeds/locks/", $name))
    };
}

fn lock(format: Format, text: &str) -> Lock {
    read(format, text, &mut |_| None).unwrap_or_else(|message| panic!("{format:?}: {message}"))
}

fn label(package: &Locked) -> String {
    format!("{}@{}", package.name, package.version.as_deref().unwrap_or("?"))
}

/// Whatever is not the project's own: name, version, and `dev`.
fn listed(lock: &Lock) -> Vec<String> {
    let foreign = lock.packages.iter().filter(|package| !matches!(package.source, Source::Path(_)));
    let mark = |package: &Locked| match package.is_dev {
        Some(true) => " dev",
        Some(false) => "",
        None => " ?",
    };
    let mut all: Vec<String> = foreign.map(|package| label(package) + mark(package)).collect();
    all.sort_unstable();
    all
}

fn package<'l>(lock: &'l Lock, wanted: &str) -> &'l Locked {
    lock.packages.iter().find(|package| label(package) == wanted).unwrap_or_else(|| panic!("no {wanted}"))
}

fn needs(lock: &Lock, wanted: &str) -> Vec<String> {
    let places = &package(lock, wanted).depends_on;
    let mut all: Vec<String> = places.iter().map(|place| label(&lock.packages[*place])).collect();
    all.sort_unstable();
    all
}

fn roots(lock: &Lock) -> Vec<String> {
    let mut all: Vec<String> = lock.roots.iter().map(|place| label(&lock.packages[*place])).collect();
    all.sort_unstable();
    all
}

/// One project of two packages, as each of node's package managers locked it.
const OF_NODE: [&str; 17] = [
    "@babel/code-frame@7.0.0",
    "@babel/helper-validator-identifier@7.29.7",
    "@babel/highlight@7.25.9",
    "ansi-styles@3.2.1",
    "chalk@2.4.2",
    "color-convert@1.9.3",
    "color-name@1.1.3",
    "debug@3.2.7",
    "debug@4.4.3",
    "escape-string-regexp@1.0.5",
    "has-flag@3.0.0",
    "js-tokens@4.0.0",
    "ms@2.0.0",
    "ms@2.1.3",
    "picocolors@1.1.1",
    "semver@6.3.2 dev",
    "supports-color@5.5.0",
];

#[test]
fn one_project_of_node_by_nine_tools() {
    let files = [
        (Format::Npm, seed!("package-lock-1.json")),
        (Format::Npm, seed!("package-lock-2.json")),
        (Format::Npm, seed!("package-lock-3.json")),
        (Format::Pnpm, seed!("pnpm-lock-5.yaml")),
        (Format::Pnpm, seed!("pnpm-lock-6.yaml")),
        (Format::Pnpm, seed!("pnpm-lock-9.yaml")),
        (Format::Yarn, seed!("yarn-1.lock")),
        (Format::Yarn, seed!("yarn-4.lock")),
        (Format::Bun, seed!("bun.lock")),
    ];
    for (format, text) in files {
        let lock = lock(format, text);
        let start = &text[..40];
        // Yarn does not say what is for development.
        let expected = OF_NODE.map(|line| match format {
            Format::Yarn => format!("{} ?", line.trim_end_matches(" dev")),
            _ => line.to_owned(),
        });
        assert_eq!(listed(&lock), expected, "{start:?}");
        assert_eq!(needs(&lock, "debug@3.2.7"), ["ms@2.1.3"], "{start:?}");
        assert_eq!(needs(&lock, "debug@4.4.3"), ["ms@2.1.3"], "{start:?}");
        let expected =
            ["@babel/helper-validator-identifier@7.29.7", "chalk@2.4.2", "js-tokens@4.0.0", "picocolors@1.1.1"];
        assert_eq!(needs(&lock, "@babel/highlight@7.25.9"), expected, "{start:?}");
        assert_eq!(needs(&lock, "ms@2.0.0"), [""; 0], "{start:?}");
        assert!(lock.problems.is_empty(), "{start:?}: {:?}", lock.problems);
        for package in lock.packages.iter().filter(|package| matches!(package.source, Source::Registry(_))) {
            let line = text.lines().nth(package.line as usize - 1).unwrap();
            let version = package.version.as_deref().unwrap();
            assert!(line.contains(version) || line.contains(&package.name), "{start:?}: {package:?} on {line:?}");
            // Those of yarn's newer archives are left out.
            let has_sum = package.checksums.iter().any(|sum| sum.algorithm == Algorithm::Sha512);
            assert_eq!(has_sum, !text.contains("__metadata"), "{start:?}: {package:?}");
        }
        assert_eq!(format.ecosystem(), Ecosystem::Npm);
    }
}

#[test]
fn where_the_graph_of_a_project_of_node_begins() {
    let own = |lock: &Lock| needs(lock, &roots(lock).into_iter().find(|root| root.contains("sample/a")).unwrap());
    for text in [seed!("package-lock-2.json"), seed!("package-lock-3.json")] {
        let lock = lock(Format::Npm, text);
        assert_eq!(roots(&lock), ["@sample/a@0.1.0", "sample@1.0.0"]);
        assert_eq!(own(&lock), ["@babel/code-frame@7.0.0", "debug@3.2.7"]);
        assert_eq!(needs(&lock, "sample@1.0.0"), ["chalk@2.4.2", "debug@4.4.3", "ms@2.0.0", "semver@6.3.2"]);
    }
    let berry = lock(Format::Yarn, seed!("yarn-4.lock"));
    assert_eq!(roots(&berry), ["@sample/a@?", "sample@?"]);
    assert_eq!(own(&berry), ["@babel/code-frame@7.0.0", "debug@3.2.7"]);
    let direct = ["@babel/code-frame@7.0.0", "chalk@2.4.2", "debug@3.2.7", "debug@4.4.3", "ms@2.0.0", "semver@6.3.2"];
    for text in [seed!("pnpm-lock-5.yaml"), seed!("pnpm-lock-6.yaml"), seed!("pnpm-lock-9.yaml")] {
        assert_eq!(roots(&lock(Format::Pnpm, text)), direct);
    }
    let bun = lock(Format::Bun, seed!("bun.lock"));
    assert_eq!(own(&bun), ["@babel/code-frame@7.0.0", "debug@3.2.7"]);
    assert!(direct.iter().all(|wanted| roots(&bun).iter().any(|root| root == wanted)));
}

#[test]
fn places_beside_the_registry() {
    let git = "git+ssh://git@git.example/x.git#0123456789012345678901234567890123456789";
    let npm = format!(
        r#"{{"lockfileVersion": 3, "packages": {{"node_modules/x": {{"version": "1.0.0", "resolved": "{git}"}},
        "node_modules/y": {{"version": "2.0.0", "resolved": "https://archives.example/y.tgz", "name": "real"}},
        "node_modules/z": {{"version": "3.0.0", "resolved": false, "integrity": null}}}}}}"#
    );
    let npm = lock(Format::Npm, &npm);
    assert_eq!(package(&npm, "x@1.0.0").source, Source::Git(git.to_owned()));
    assert_eq!(package(&npm, "real@2.0.0").source, Source::Url("https://archives.example/y.tgz".to_owned()));
    assert_eq!(package(&npm, "z@3.0.0").source, Source::Registry(String::new()));
    let old = format!(r#"{{"lockfileVersion": 1, "dependencies": {{"x": {{"version": "{git}", "requires": true}}}}}}"#);
    assert_eq!(package(&lock(Format::Npm, &old), "x@?").source, Source::Git(git.to_owned()));
    let pnpm = "lockfileVersion: '9.0'\npackages:\n  x@https://git.example/x/tar.gz/abc:\n    resolution: {tarball: https://git.example/x/tar.gz/abc}\n    version: 1.0.0\n  y@git.example/y:\n    resolution: {type: git, repo: https://git.example/y, commit: abc}\n";
    let pnpm = lock(Format::Pnpm, pnpm);
    assert_eq!(package(&pnpm, "x@1.0.0").source, Source::Url("https://git.example/x/tar.gz/abc".to_owned()));
    assert_eq!(package(&pnpm, "y@?").source, Source::Git("https://git.example/y#abc".to_owned()));
    let old = lock(
        Format::Pnpm,
        "lockfileVersion: 5.4\npackages:\n  /@s/x/1.0.0_@t+y@2.0.0+z@3.0.0:\n    resolution: {integrity: a}\n  git.example/u/y/abc:\n    name: y\n    version: 2.0.0\n  registry.example/z/3.0.0:\n    resolution: {integrity: a}\n",
    );
    assert_eq!(old.packages.iter().map(label).collect::<Vec<_>>(), ["@s/x@1.0.0", "y@2.0.0", "z@3.0.0"]);
    let bun = r#"{"packages": {"x": ["x@github:u/x#abc", {}, "u-x-abc"], "y": ["y@file:y.tgz", {}], "a/@s/b/c": ["c@1.0.0", "https://registry.example/c.tgz", {}, ""],}}"#;
    let bun = lock(Format::Bun, bun);
    assert_eq!(package(&bun, "x@?").source, Source::Git("github:u/x#abc".to_owned()));
    assert_eq!(package(&bun, "y@?").source, Source::Path("y.tgz".to_owned()));
    assert_eq!(package(&bun, "c@1.0.0").source, Source::Registry("https://registry.example/c.tgz".to_owned()));
}

#[test]
fn crates_of_the_oldest_and_the_newest_files() {
    let sum = "bef38d45163c2f1dde094a7dfd33ccf595c92905c8f8f4fdc18d06fb1037718a";
    let git = "https://git.example/itoa?branch=main#0123456789012345678901234567890123456789";
    let old = lock(Format::Cargo, seed!("Cargo-1.lock"));
    let new = lock(Format::Cargo, seed!("Cargo-4.lock"));
    assert_eq!(needs(&old, "sample@0.1.0"), ["bitflags@1.3.2", "itoa@1.0.0"]);
    assert_eq!(needs(&new, "sample@0.1.0"), ["bitflags@1.3.2", "itoa@1.0.0"]);
    assert_eq!(needs(&old, "itoa@1.0.0"), ["bitflags@1.3.2"]);
    assert_eq!(needs(&new, "itoa@1.0.0"), ["bitflags@2.6.0"]);
    for lock in [&old, &new] {
        assert_eq!(
            package(lock, "bitflags@1.3.2").checksums,
            [Checksum { algorithm: Algorithm::Sha256, hex: sum.into() }]
        );
        assert_eq!(package(lock, "itoa@1.0.0").source, Source::Git(git.into()));
        assert!(package(lock, "itoa@1.0.0").checksums.is_empty());
        assert_eq!(roots(lock), ["sample@0.1.0"]);
    }
    assert_eq!(package(&new, "bitflags@2.6.0").line, 12);
    assert!(read(Format::Cargo, "version = 99\n", &mut |_| None).unwrap_err().contains("99"));
    assert!(read(Format::Cargo, "[[package]]\nname = 'x'\n", &mut |_| None).is_err());
}

#[test]
fn packages_of_python() {
    let uv = lock(Format::Uv, seed!("uv.lock"));
    assert_eq!(listed(&uv), ["idna@3.20", "iniconfig@2.3.1 dev", "jinja2@3.1.6", "markupsafe@3.0.4"]);
    assert_eq!(needs(&uv, "sample@0.1.0"), ["idna@3.20", "iniconfig@2.3.1", "jinja2@3.1.6"]);
    assert_eq!(needs(&uv, "jinja2@3.1.6"), ["markupsafe@3.0.4"]);
    assert_eq!(package(&uv, "markupsafe@3.0.4").checksums.len(), 3);
    assert_eq!((package(&uv, "idna@3.20").line, roots(&uv)), (6, vec!["sample@0.1.0".to_owned()]));

    let old = lock(Format::Poetry, seed!("poetry-1.lock"));
    assert_eq!(listed(&old), ["Jinja2@3.1.2", "markupsafe@2.1.1", "tool@0.3.0 dev"]);
    assert_eq!(needs(&old, "Jinja2@3.1.2"), ["markupsafe@2.1.1"]);
    assert_eq!(package(&old, "Jinja2@3.1.2").checksums.len(), 1);
    assert!(
        matches!(&package(&old, "tool@0.3.0").source, Source::Git(url) if url.ends_with("tool.git#0123456789012345678901234567890123456789"))
    );
    let new = lock(Format::Poetry, seed!("poetry-2.lock"));
    assert_eq!(listed(&new), ["iniconfig@2.3.1 dev", "jinja2@3.1.6", "markupsafe@3.0.2"]);
    assert_eq!(package(&new, "jinja2@3.1.6").checksums.len(), 2);

    let pipenv = lock(Format::Pipfile, seed!("Pipfile.lock"));
    // Asked for by both, so not for development alone.
    assert_eq!(listed(&pipenv), ["iniconfig@2.3.1 dev", "jinja2@3.1.6", "markupsafe@3.0.4"]);
    assert_eq!(package(&pipenv, "jinja2@3.1.6").checksums.len(), 2);
    let other = r#"{"_meta": {}, "docs": {"x": {"git": "https://git.example/x", "ref": "abc"}, "y": {"version": "*"}, "z": {"path": "."}}}"#;
    let other = lock(Format::Pipfile, other);
    assert_eq!(listed(&other), ["x@?", "y@?"]);
    assert_eq!(package(&other, "x@?").source, Source::Git("https://git.example/x#abc".into()));
}

#[test]
fn requirements_without_a_version_have_none() {
    let beside: HashMap<&str, &str> = HashMap::from([
        ("more/dev.txt", "pytest==7.0\n-r ../requirements.txt\n-c deeper/held.txt\n-r ../more/dev.txt\n"),
        ("more/deeper/held.txt", "idna==3.5\nnobody==1.0\n"),
        ("constraints.txt", "MarkupSafe==3.0.2  # as a rule\n"),
    ]);
    let mut asked = Vec::new();
    let mut open = |path: &str| {
        asked.push(path.to_owned());
        beside.get(path).map(|text| (*text).to_owned())
    };
    let lock = read(Format::Requirements, seed!("requirements.txt"), &mut open).unwrap();
    let all: Vec<String> = lock.packages.iter().map(label).collect();
    let expected = [
        "Jinja2@3.1.6",
        "markupsafe@3.0.2",
        "requests@2.28.1",
        "zope.interface@5.0",
        "idna@3.5",
        "six@?",
        "wheel@0.40.0",
        "pip@?",
        "tool@?",
        "other@?",
        "./local/package.whl@?",
        "https://archives.example/plain-1.0.tar.gz@?",
        "pytest@7.0",
    ];
    assert_eq!(all, expected);
    assert_eq!(package(&lock, "Jinja2@3.1.6").checksums.len(), 2);
    assert_eq!((package(&lock, "Jinja2@3.1.6").line, package(&lock, "requests@2.28.1").line), (3, 8));
    assert_eq!(package(&lock, "tool@?").source, Source::Git("git+https://git.example/tool.git@main".into()));
    assert_eq!(package(&lock, "pip@?").source, Source::Url("https://archives.example/pip-22.0.zip".into()));
    // Nothing outside of the folder is asked for, and nothing twice.
    asked.sort_unstable();
    assert_eq!(asked, ["constraints.txt", "more/deeper/held.txt", "more/dev.txt", "requirements.txt"]);
    let problems: Vec<&str> = lock.problems.iter().map(|problem| problem.message.as_str()).collect();
    assert_eq!(problems.len(), 3, "{problems:?}");
    assert!(
        problems[0].contains("what is this") && problems.iter().any(|text| text.contains("../outside.txt")),
        "{problems:?}"
    );
}

#[test]
fn what_is_no_requirement_is_not_understood() {
    for text in ["{", "  \"a\": 1,", "a 1.0", "<html>", "a[b", "= 1.0"] {
        let lock = lock(Format::Requirements, text);
        assert!(lock.packages.is_empty() && lock.problems.len() == 1, "{text:?}: {lock:?}");
    }
    for (text, name) in
        [("a==1.0 -C option=x", "a@1.0"), ("a==1.0 --global-option=x", "a@1.0"), ("a==1.0 and more", "a@?")]
    {
        assert_eq!(label(&lock(Format::Requirements, text).packages[0]), name, "{text:?}");
    }
    for text in ["x/y.whl", "y-1.0.tar.gz", "../own", "/srv/own", "file:///srv/own"] {
        assert!(matches!(lock(Format::Requirements, text).packages[0].source, Source::Path(_)), "{text:?}");
    }
}

#[test]
fn requirements_that_include_each_other_end() {
    let mut count = 0;
    let mut open = |_: &str| {
        count += 1;
        Some(format!("-r a{count}.txt\n-r b{count}.txt\nx{count}==1\n"))
    };
    let lock = read(Format::Requirements, "-r a.txt", &mut open).unwrap();
    assert!(lock.packages.len() <= 60 && count <= 60, "{count}");
    assert!(!lock.problems.is_empty());
}

#[test]
fn modules_of_go() {
    let new =
        read(Format::Go, seed!("go.mod"), &mut |name| (name == "go.sum").then(|| seed!("go.sum").to_owned())).unwrap();
    let all = [
        "example.com/deep/v3@v3.1.0 ?",
        "example.com/new@v2.1.0 ?",
        "example.com/quoted@v0.0.0-20200101000000-abcdefabcdef ?",
        "github.com/BurntSushi/toml@v1.3.2 ?",
    ];
    assert_eq!(listed(&new), all);
    assert_eq!(package(&new, "example.com/here@?").source, Source::Path("../here".into()));
    let sum = &package(&new, "github.com/BurntSushi/toml@v1.3.2").checksums;
    assert!(matches!(&sum[..], [Checksum { algorithm: Algorithm::GoH1, hex }] if hex.starts_with("ba7816bf")));
    assert!(new.problems.is_empty());
    assert_eq!(package(&new, "example.com/deep/v3@v3.1.0").line, 13);

    let text = seed!("go.mod").replace("go 1.21.0", "go 1.16");
    let old = read(Format::Go, &text, &mut |_| Some(seed!("go.sum").to_owned())).unwrap();
    assert_eq!(listed(&old).len(), 5);
    assert!(listed(&old).contains(&"example.com/more@v0.1.0 ?".to_owned()));
    assert_eq!(old.problems.len(), 1);
    assert_eq!(lock(Format::Go, "module x\n").problems.len(), 1);
    assert!(read(Format::Go, "no module\n", &mut |_| None).is_err());
    assert!(read(Format::Go, "module x\nrequire a\n", &mut |_| None).is_err());
}

#[test]
fn gems_by_source_and_platform() {
    let plain = lock(Format::Gemfile, seed!("Gemfile.lock"));
    assert_eq!(listed(&plain), ["minitest@5.15.0 ?", "power_assert@2.0.1 ?", "rake@13.0.6 ?", "test-unit@3.5.3 ?"]);
    assert_eq!(roots(&plain), ["minitest@5.15.0", "rake@13.0.6", "test-unit@3.5.3"]);
    assert_eq!(needs(&plain, "test-unit@3.5.3"), ["power_assert@2.0.1"]);
    let sum = "a".repeat(64);
    let text = format!(
        "GIT\n  remote: https://git.example/x.git\n  revision: abc\n  branch: main\n  specs:\n    x (0.1.0)\n      y (>= 1)\n\nPATH\n  remote: .\n  specs:\n    own (1.0)\n\nGEM\n  remote: https://registry.example/\n  specs:\n    y (1.5.0-arm64-darwin)\n    y (1.5.0-x86_64-linux)\n    z (2.0.0.rc1)\n\nDEPENDENCIES\n  own!\n  x!\n\nCHECKSUMS\n  y (1.5.0-x86_64-linux) sha256={sum}\n  z (2.0.0.rc1)\n"
    );
    let mixed = lock(Format::Gemfile, &text);
    assert_eq!(listed(&mixed), ["x@0.1.0 ?", "y@1.5.0 ?", "z@2.0.0.rc1 ?"]);
    assert_eq!(package(&mixed, "x@0.1.0").source, Source::Git("https://git.example/x.git#abc".into()));
    assert_eq!(package(&mixed, "y@1.5.0").checksums, [Checksum { algorithm: Algorithm::Sha256, hex: sum }]);
    assert_eq!(
        (needs(&mixed, "x@0.1.0"), roots(&mixed)),
        (vec!["y@1.5.0".into()], vec!["own@1.0".into(), "x@0.1.0".into()])
    );
    assert!(read(Format::Gemfile, "GEM\n<<<<<<< HEAD\n", &mut |_| None).is_err());
}

#[test]
fn packages_of_composer() {
    let lock = lock(Format::Composer, seed!("composer.lock"));
    assert_eq!(listed(&lock), ["Sample/Log@v2.9.1", "own/fork@dev-main dev", "psr/log@1.1.4"]);
    assert_eq!(needs(&lock, "own/fork@dev-main"), ["Sample/Log@v2.9.1"]);
    assert_eq!(needs(&lock, "own/part@dev-main"), ["psr/log@1.1.4"]);
    assert_eq!(package(&lock, "own/part@dev-main").source, Source::Path("../part".into()));
    assert!(
        matches!(&package(&lock, "own/fork@dev-main").source, Source::Git(url) if url.starts_with("https://git.example/fork.git#"))
    );
    assert_eq!(package(&lock, "psr/log@1.1.4").checksums[0].algorithm, Algorithm::Sha1);
}

#[test]
fn what_is_no_lock_file_is_an_error() {
    for (format, text) in [
        (Format::Npm, "{}"),
        (Format::Npm, "[]"),
        (Format::Npm, "{\"packages\": 3}"),
        (Format::Pnpm, "a: b"),
        (Format::Pnpm, "lockfileVersion: 99"),
        (Format::Pnpm, "lockfileVersion: 6.0\npackages: {a: &x {b: c}, d: *x}"),
        (Format::Yarn, "a: b"),
        (Format::Yarn, "<<<<<<< HEAD\n"),
        (Format::Yarn, "  version \"1\"\n"),
        (Format::Yarn, "__metadata:\n  version: 8\n\"a@npm:1\":\n  version: 1\n"),
        (Format::Bun, "{}"),
        (Format::Bun, "{\"packages\": {\"a\": [1]}}"),
        (Format::BunBinary, ""),
        (Format::Cargo, "package = 3"),
        (Format::Cargo, ""),
        (Format::Composer, "{}"),
        (Format::Gemfile, ""),
        (Format::Pipfile, "{}"),
        (Format::Poetry, "[[package]]\n"),
        (Format::Poetry, ""),
        (Format::Uv, "version = 7"),
        (Format::Uv, ""),
    ] {
        assert!(read(format, text, &mut |_| None).is_err(), "{format:?} {text:?}");
    }
}

/// Each of these grows with the square of its length, or eats the stack, in a reader that is made without care.
#[test]
fn long_and_deep_files_end_soon() {
    let nested = "{\"dependencies\": {\"a\": ".repeat(100_000);
    assert!(
        read(Format::Npm, &format!("{{\"lockfileVersion\": 1, \"dependencies\": {{\"a\": {nested}"), &mut |_| None)
            .is_err()
    );
    let path = "node_modules/a/".repeat(100_000);
    let text = format!("{{\"packages\": {{\"{path}b\": {{\"version\": \"1.0.0\"}}}}}}");
    assert_eq!(lock(Format::Npm, &text).problems.len(), 1);
    let names: String = (0..20_000).map(|n| format!("\"n{n}\": \"1\", ")).collect();
    let deep: String =
        (1..60).map(|n| format!("\"{}x\": {{\"version\": \"1.0.0\"}}, ", "node_modules/x/".repeat(n / 2))).collect();
    let text = format!(
        "{{\"packages\": {{{deep} \"node_modules/x/node_modules/y\": {{\"version\": \"1.0.0\", \"dependencies\": {{{names}\"z\": \"1\"}}}}}}}}"
    );
    lock(Format::Npm, &text);
    let many = "a@1, ".repeat(100_000);
    lock(Format::Yarn, &format!("{many}b@1:\n  version \"1.0.0\"\n"));
    let hashes: String = (0..20_000).map(|n| format!(" --hash=sha256:{n:064x}")).collect();
    assert_eq!(lock(Format::Requirements, &format!("a==1{hashes}\na==1{hashes}\n")).packages.len(), 1);
    lock(Format::Requirements, &"a\\\n".repeat(200_000));
}

#[test]
fn lock_files_are_found_and_links_are_not_followed() {
    let folder = tempfile::tempdir().unwrap();
    let at = |path: &str| folder.path().join(path);
    let write = |path: &str, text: &str| {
        std::fs::create_dir_all(at(path).parent().unwrap()).unwrap();
        std::fs::write(at(path), text).unwrap();
    };
    write("Cargo.lock", seed!("Cargo-4.lock"));
    write("web/package-lock.json", seed!("package-lock-3.json"));
    write("web/node_modules/x/package-lock.json", "{}");
    write("py/requirements-dev.txt", "-r sub/more.txt\n-r link/more.txt\n-r link.txt\n");
    write("py/sub/more.txt", "x==1.0\n");
    write("py/dev-requirements.txt", "");
    write("py/constraints.txt", "");
    write("js/bun.lock", "{}");
    write("js/bun.lockb", "");
    write("other/bun.lockb", "");
    write("outside/more.txt", "secret==1.0\n");
    std::os::unix::fs::symlink(at("web"), at("py/again")).unwrap();
    std::os::unix::fs::symlink(at("outside"), at("py/link")).unwrap();
    std::os::unix::fs::symlink(at("outside/more.txt"), at("py/link.txt")).unwrap();
    std::os::unix::fs::symlink(at("Cargo.lock"), at("py/Cargo.lock")).unwrap();
    // Those that lead out or to what is passed over, and what is no file, are told; a link to what is read anyway is not.
    std::os::unix::fs::symlink("../nowhere", at("py/uv.lock")).unwrap();
    std::os::unix::fs::symlink("../web/node_modules/x/package-lock.json", at("js/package-lock.json")).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(at("yarn.lock")).status().unwrap().success());
    write("go/go.sum", "");
    let found = find(folder.path());
    let names: Vec<String> = found
        .files
        .iter()
        .map(|file| file.path.strip_prefix(folder.path()).unwrap().to_str().unwrap().to_owned())
        .collect();
    let expected = [
        "Cargo.lock",
        "js/bun.lock",
        "other/bun.lockb",
        "py/dev-requirements.txt",
        "py/requirements-dev.txt",
        "web/package-lock.json",
    ];
    assert_eq!(names, expected);
    let told: Vec<_> =
        found.problems.iter().map(|(path, why)| (path.strip_prefix(folder.path()).unwrap(), &why[..])).collect();
    let expected = [
        ("go/go.sum", "names more than is built, and was not read: there is no go.mod beside it"),
        ("js/package-lock.json", "is a link to ../web/node_modules/x/package-lock.json, and was not read"),
        ("py/uv.lock", "is a link to ../nowhere, and was not read"),
        ("yarn.lock", "is no regular file, and was not read"),
    ];
    assert_eq!(told, expected.map(|(path, why)| (Path::new(path), why)));
    assert_eq!(find(&at("py/uv.lock")).problems[0].1, expected[2].1);
    write("go/go.mod", "module a\n");
    assert!(find(&at("go/go.sum")).problems[0].1.ends_with("go/go.mod` reads both"));
    assert!(find(&at("go")).problems.is_empty());
    assert_eq!(open(&found.files[0]).unwrap().packages.len(), 4);
    assert!(open(&found.files[2]).unwrap_err().contains("lockb"));
    let requirements = open(&found.files[4]).unwrap();
    assert_eq!(requirements.packages.iter().map(label).collect::<Vec<_>>(), ["x@1.0"]);
    assert_eq!(requirements.problems.len(), 2);
    let fifo = LockFile { path: at("Cargo.lock/no"), format: Format::Cargo };
    assert!(open(&fifo).is_err());
    assert_eq!(find(&at("web/package-lock.json")).files.len(), 1);
    assert_eq!(find(&at("py/constraints.txt")).problems.len(), 1);
}

//! Real indexes, where the shared data is at hand, and small ones made here.

use super::*;
use std::path::PathBuf;

const X64: Platform = Platform { arch: Arch::X64, is_musl: false };

#[allow(clippy::print_stdout, reason = "a test says that it was skipped")]
fn shared(test: &str, name: &str) -> Option<Vec<u8>> {
    let root = std::env::var_os("OMG_TEST_DATA")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data"), PathBuf::from);
    let bytes = crate::sys::unpack::read(&root.join("runtimes").join(name)).ok();
    if bytes.is_none() {
        println!("skipped {test}: no shared data");
    }
    bytes
}

fn read(runtime: Runtime, index: &[u8], platform: Platform) -> Vec<Release> {
    source(runtime).unwrap().read(index, &RuntimeSettings::default(), platform).unwrap()
}

fn meant(releases: &[Release], request: &str) -> Option<String> {
    let runtime = releases[0].runtime;
    select(releases, &Request::parse(runtime, request).unwrap()).map(|release| release.version.to_string())
}

const NODE: &str = r#"[
    {"version":"v23.1.0","date":"2024-10-24","files":["linux-x64","linux-arm64"],"lts":false},
    {"version":"v22.11.0","date":"2024-10-29","files":["linux-x64"],"lts":"Jod"},
    {"version":"v22.1.0","date":"2024-05-02","files":["linux-x64"],"lts":false},
    {"version":"v0.12.18","date":"2017-02-22","files":["linux-x64"],"lts":false},
    {"version":"v5.0.0","date":"2015-10-29","files":["osx-x64-tar"],"lts":false}]"#;

#[test]
fn nodes_index_says_where_all_lies() {
    let releases = read(Runtime::Node, NODE.as_bytes(), X64);
    let versions: Vec<String> = releases.iter().map(|release| release.version.to_string()).collect();
    assert_eq!(versions, ["0.12.18", "22.1.0", "22.11.0", "23.1.0"], "one without a file for this machine is left out");
    let release = &releases[2];
    assert_eq!(release.url, "https://nodejs.org/dist/v22.11.0/node-v22.11.0-linux-x64.tar.xz");
    let list = "https://nodejs.org/dist/v22.11.0/SHASUMS256.txt";
    let file = "node-v22.11.0-linux-x64.tar.xz".to_owned();
    assert_eq!(release.checksum, Checksum::Listed { url: list.to_owned(), file });
    assert_eq!(release.signature, Some(Signature::OfList { url: format!("{list}.sig") }));
    assert_eq!((release.lts.as_deref(), release.date.as_deref()), (Some("jod"), Some("2024-10-29")));
    assert!(releases[0].url.ends_with("node-v0.12.18-linux-x64.tar.gz"));
    for (request, version) in [("lts", "22.11.0"), ("lts/jod", "22.11.0"), ("latest", "23.1.0"), ("22.1", "22.1.0")] {
        assert_eq!(meant(&releases, request).as_deref(), Some(version), "{request}");
    }
    assert!(read(Runtime::Node, NODE.as_bytes(), Platform { arch: Arch::X64, is_musl: true }).is_empty());
}

#[test]
fn a_mirror_takes_the_publishers_place() {
    let settings = RuntimeSettings { mirror: Some("file:///mnt/node/".into()), ..RuntimeSettings::default() };
    let node = source(Runtime::Node).unwrap();
    assert_eq!(node.index_url(&settings), "file:///mnt/node/index.json");
    let releases = node.read(NODE.as_bytes(), &settings, X64).unwrap();
    assert!(releases.iter().all(|release| release.url.starts_with("file:///mnt/node/v")));
    let settings = RuntimeSettings { index: Some("file:///list".into()), ..RuntimeSettings::default() };
    assert_eq!(source(Runtime::Go).unwrap().index_url(&settings), "file:///list");
}

#[test]
fn nodes_real_index_is_read() {
    let Some(index) = shared("nodes_real_index_is_read", "node/dist-index-sample.json") else { return };
    let releases = read(Runtime::Node, &index, X64);
    assert_eq!(releases.len(), 23);
    assert!(releases.iter().any(|release| release.lts.is_some()) && releases.iter().all(|r| r.date.is_some()));
    for release in &releases {
        assert_eq!(meant(&releases, &release.version.to_string()), Some(release.version.to_string()));
    }
}

#[test]
fn gos_real_list_is_read() {
    let Some(index) = shared("gos_real_list_is_read", "go/dl-mode-json.json.zst") else { return };
    let releases = read(Runtime::Go, &index, X64);
    assert_eq!(releases.len(), 78);
    let newest = releases.last().unwrap();
    assert_eq!(newest.url, format!("https://go.dev/dl/go{}.linux-amd64.tar.gz", newest.version));
    assert!(releases.iter().all(|release| matches!(&release.checksum, Checksum::Known(digest) if digest.len() == 64)));
}

#[test]
fn pythons_real_list_is_read() {
    let Some(index) = shared("pythons_real_list_is_read", "python/uv-download-metadata.json.zst") else { return };
    let releases = read(Runtime::Python, &index, X64);
    assert!(releases.len() > 200, "{}", releases.len());
    assert!(releases.iter().any(|release| release.version.variant == "t"));
    assert_eq!(releases.iter().filter(|release| release.version.variant == "pypy").count(), 4);
    assert_eq!(meant(&releases, "pypy3.10").as_deref(), Some("pypy3.10.16"));
    let settings = RuntimeSettings { mirror: Some("file:///m".into()), ..RuntimeSettings::default() };
    let mirrored = source(Runtime::Python).unwrap().read(&index, &settings, X64).unwrap();
    assert!(mirrored.iter().all(|release| release.url.starts_with("file:///m/")));
    assert!(mirrored.iter().any(|release| release.url == "file:///m/pypy/pypy3.11-v7.3.23-linux64.tar.gz"));
    let find = |text: &str| releases.iter().find(|release| release.version.to_string() == text).unwrap();
    assert_eq!(find("3.15.0rc1").date.as_deref(), Some("2026-08-14"));
    assert_eq!(find("3.15.0rc1").layout.below, "python");
    for release in &releases {
        // PyPy attests nothing, and the others what they built since the day on which they began to.
        let is_attested =
            matches!(&release.signature, Some(Signature::Attested(by)) if by.identity.contains(by.repository));
        let is_new = release.date.as_deref().is_some_and(|day| day >= "2025-02-12");
        assert_eq!(is_attested, is_new && release.version.variant != "pypy", "{release:?}");
        if release.version.variant == "pypy" {
            assert!(release.url.starts_with("https://downloads.python.org/pypy/pypy3.") && release.layout.strip == 1);
            continue;
        }
        let is_whole = release.url.ends_with("full.tar.zst");
        assert_eq!(release.layout.below == "python/install", is_whole || !release.url.contains("install_only"));
        assert!(release.url.contains("x86_64") && !release.url.contains("x86_64_v"), "{}", release.url);
    }
}

#[test]
fn javas_real_list_is_read() {
    let Some(index) = shared("javas_real_list_is_read", "java/mise-java-ga-linux-x86_64.json.zst") else { return };
    let all = read(Runtime::Java, &index, X64);
    let releases: Vec<&Release> = all.iter().filter(|release| release.version.variant.is_empty()).collect();
    assert_eq!(releases.len(), 81, "Temurin's JDKs for glibc");
    for (request, version) in [
        ("21", "21.0.7+6"),
        ("lts", "21.0.7+6"),
        ("8", "8.0.452+9"),
        ("temurin-17.0.5", "17.0.5+8"),
        ("zulu-21", "zulu-21.42.19.0"),
        ("21.0.7-sapmchn", "sapmachine-21.0.7"),
    ] {
        assert_eq!(meant(&all, request).as_deref(), Some(version), "{request}");
    }
    let newest = releases.last().unwrap();
    assert_eq!(newest.checksum, Checksum::Alone { url: format!("{}.sha256.txt", newest.url) });
    assert_eq!(newest.signature, Some(Signature::OfArchive { url: format!("{}.sig", newest.url) }));
    assert!(all.iter().all(|release| release.signature.is_some() == release.version.variant.is_empty()));
    let musl = read(Runtime::Java, &index, Platform { arch: Arch::X64, is_musl: true });
    assert_eq!(musl.iter().filter(|release| release.version.variant.is_empty()).count(), 78);
}

/// Each JDK of each maker that is known here, by the list itself: its address and checksum, unless two claim one name.
#[test]
fn javas_of_other_makers_are_those_that_the_list_has_a_checksum_of() {
    let test = "javas_of_other_makers_are_those_that_the_list_has_a_checksum_of";
    let Some(index) = shared(test, "java/mise-java-ga-linux-x86_64.json.zst") else { return };
    let rows: Vec<serde_json::Value> = serde_json::from_slice(&index).unwrap();
    let mut expected = std::collections::BTreeMap::<String, Vec<(String, String)>>::new();
    for row in rows {
        let text = |key: &str| row[key].as_str().unwrap_or_default();
        let is_usual =
            text("image_type") == "jdk" && text("file_type") == "tar.gz" && row["features"] == serde_json::json!([]);
        let makers = "corretto graalvm-community microsoft openjdk oracle-graalvm oracle sapmachine zulu";
        if let Some(digest) = text("checksum").strip_prefix("sha256:")
            && is_usual
            && makers.split(' ').any(|maker| maker == text("vendor"))
        {
            let found = expected.entry(format!("{}-{}", text("vendor"), text("version"))).or_default();
            found.push((text("url").to_owned(), digest.to_owned()));
        }
    }
    expected.retain(|_, found| found.iter().all(|one| one.1 == found[0].1));
    let releases = read(Runtime::Java, &index, X64);
    let found: std::collections::BTreeMap<String, Vec<(String, String)>> = releases
        .iter()
        .filter(|release| !release.version.variant.is_empty())
        .map(|release| {
            let Checksum::Known(digest) = &release.checksum else { panic!("{release:?}") };
            (release.version.to_string(), vec![(release.url.clone(), digest.clone())])
        })
        .collect();
    assert!(expected.len() > 500, "{}", expected.len());
    for found in expected.values_mut() {
        found.truncate(1);
    }
    let missing: Vec<_> = expected.iter().filter(|(name, one)| found.get(*name) != Some(one)).collect();
    let needless: Vec<_> = found.iter().filter(|(name, _)| !expected.contains_key(*name)).collect();
    assert!(missing.is_empty() && needless.is_empty(), "{missing:#?} {needless:#?}");
    for release in &releases {
        let text = release.version.to_string();
        assert_eq!(meant(&releases, &text).as_ref(), Some(&text));
    }
}

/// Every version that upstream ever had, as another tool lists them, is read and stands in its maker's order.
#[test]
fn every_version_there_ever_was_is_understood() {
    for (runtime, file, least) in [
        (Runtime::Node, "node.toml", 850),
        (Runtime::Go, "go.toml", 280),
        (Runtime::Bun, "bun.toml", 200),
        (Runtime::Deno, "deno.toml", 320),
        (Runtime::Zig, "zig.toml", 22),
        (Runtime::Rust, "rust.toml", 147),
        (Runtime::Ruby, "ruby.toml", 150),
        (Runtime::Python, "python.toml", 230),
    ] {
        let name = format!("mise-versions/{file}");
        let Some(text) = shared("every_version_there_ever_was_is_understood", &name) else { return };
        let text = String::from_utf8(text).unwrap();
        let names: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix('"')?.split('"').next()).collect();
        let is_ours = |name: &&&str| name.starts_with(|first: char| first.is_ascii_digit()) && !name.ends_with("-dev");
        let odd: Vec<&&str> =
            names.iter().filter(is_ours).filter(|name| Version::parse(runtime, name).is_none()).collect();
        let versions: Vec<Version> = names.iter().filter_map(|name| Version::parse(runtime, name)).collect();
        assert!(versions.len() >= least, "{}: {} of {}, not {odd:?}", runtime.name(), versions.len(), names.len());
        for version in &versions {
            let request = Request::parse(runtime, &version.to_string()).unwrap();
            let meant = request.select(&versions, |version| version, &LtsLines::default());
            // `1.20` of Go is asked for as a prefix.
            let is_prefix = request.exact().is_none();
            assert!(is_prefix || meant.is_some_and(|meant| meant == version), "{version}");
        }
    }
}

#[test]
fn lists_of_checksums_are_read_and_doubtful_ones_refused() {
    let (a, b) = ("a".repeat(64), "B".repeat(64));
    let list = format!("{a}  one.tar.xz\n{b} *two.zip\n");
    assert_eq!(listed_digest(&list, "one.tar.xz").unwrap(), a);
    assert_eq!(listed_digest(&list, "two.zip").unwrap(), b.to_lowercase());
    assert!(listed_digest(&list, "two").is_err());
    assert!(listed_digest(&format!("{a}  x\n{b}  x\n"), "x").is_err());
    assert!(listed_digest("abc  x\n", "x").is_err());
    assert_eq!(lone_digest(&format!("{a}  x\n")).unwrap(), a);
    assert!(lone_digest("").is_err() && lone_digest("<html>").is_err());
}

#[test]
fn what_is_no_index_is_an_error() {
    for runtime in Runtime::ALL {
        let Some(source) = source(runtime) else { continue };
        for bad in ["", "<html>", "[1]", "{\"a\":1}", "null"] {
            let read = source.read(bad.as_bytes(), &RuntimeSettings::default(), X64);
            assert!(read.is_err() || read.is_ok_and(|all| all.is_empty()), "{} of {bad:?}", runtime.name());
        }
    }
}

const ZIG: &str = r#"{"master":{"version":"0.15.0-dev.1+abc","date":"2025-05-01",
    "x86_64-linux":{"tarball":"https://ziglang.org/builds/zig-linux-x86_64-0.15.0-dev.1+abc.tar.xz","shasum":"DIGEST","size":"1"}},
    "0.14.0":{"date":"2025-03-05","src":{"tarball":"x","shasum":"y"},
    "x86_64-linux":{"tarball":"https://ziglang.org/download/0.14.0/zig-linux-x86_64-0.14.0.tar.xz","shasum":"DIGEST","size":"1"}}}"#;

#[test]
fn the_others_small_indexes_are_read() {
    let zig = read(Runtime::Zig, ZIG.replace("DIGEST", &"0".repeat(64)).as_bytes(), X64);
    let names: Vec<String> = zig.iter().map(|release| release.version.to_string()).collect();
    assert_eq!(names, ["0.14.0", "master"]);
    assert!(
        matches!(&zig[0].signature, Some(Signature::Minisign { url, .. }) if url.ends_with("0.14.0.tar.xz.minisig"))
    );
    assert_eq!(meant(&zig, "latest").as_deref(), Some("0.14.0"));
    assert_eq!(meant(&zig, "nightly").as_deref(), Some("master"));

    let deno = read(Runtime::Deno, br#"{"cli":["v2.1.4","v2.0.1","v2.0.0","v1.46.0"],"std":[]}"#, X64);
    assert_eq!(deno.len(), 2, "the older ones have no checksum");
    let url = "https://github.com/denoland/deno/releases/download/v2.1.4/deno-x86_64-unknown-linux-gnu.zip";
    assert_eq!(deno[1].url, url);
    assert_eq!(deno[1].checksum, Checksum::Alone { url: format!("{url}.sha256sum") });

    let bun = br#"[{"tag_name":"bun-v1.2.0","published_at":"2025-01-22T10:00:00Z"},{"tag_name":"canary"},{"tag_name":"bun-v1.1.0","draft":true}]"#;
    let bun = read(Runtime::Bun, bun, X64);
    assert_eq!((bun.len(), bun[0].date.as_deref()), (1, Some("2025-01-22")));
    assert_eq!(
        bun[0].signature,
        Some(Signature::InList { url: bun[0].url.replace("bun-linux-x64.zip", "SHASUMS256.txt.asc") })
    );
    let old = Version::parse(Runtime::Bun, "1.0.0").unwrap();
    let old = source(Runtime::Bun).unwrap().unlisted(&old, &RuntimeSettings::default(), X64).unwrap();
    assert_eq!(old.url, "https://github.com/oven-sh/bun/releases/download/bun-v1.0.0/bun-linux-x64.zip");
}

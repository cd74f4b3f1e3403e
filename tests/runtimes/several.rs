//! Several versions by one command: side by side, and what fails keeps none of the others back.

use crate::world::{Manner, Server, World, err, hex, out, programs};
use serde_json::Value;
use std::fs;
use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::sync::mpsc::{Sender, channel};
use std::time::Duration;

/// Go 1.24.0 as its site has it, behind an address.
fn publish_go(world: &World, url: &str) {
    let archive = programs(&[("go/bin/go", "#!/bin/sh\necho go 1.24.0\n")]);
    let arch = if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" };
    let name = format!("go1.24.0.linux-{arch}.tar.gz");
    let list = serde_json::json!([{
        "version": "go1.24.0", "stable": true,
        "files": [{"filename": name, "os": "linux", "arch": arch, "sha256": hex(&archive), "kind": "archive"}],
    }]);
    fs::write(world.mirror().join(name), archive).unwrap();
    fs::write(world.mirror().join("go.json"), list.to_string()).unwrap();
    configure(world, &format!("file://{}", world.mirror().display()), url);
}

fn configure(world: &World, node: &str, go: &str) {
    let index = world.mirror().join("go.json");
    world.configure(&format!(
        "mirror = \"{node}\"\n[runtimes.go]\nmirror = \"{go}\"\nindex = \"file://{}\"",
        index.display()
    ));
}

fn mirror(world: &World) -> String {
    format!("file://{}", world.mirror().display())
}

#[test]
fn one_that_fails_keeps_none_of_the_others_back() {
    let world = World::new();
    world.publish("22.11.0");
    world.publish("20.1.0");
    publish_go(&world, &mirror(&world));
    fs::remove_file(world.list_path("20.1.0")).unwrap();
    let output = world.omg(&["install", "node@20", "go@1.24", "node@22", "node@99", "--json"]);
    let said = err(&output);
    assert_eq!(output.status.code(), Some(3), "as the first that failed: {said}");
    let done: Value = serde_json::from_slice(&output.stdout).unwrap();
    let names: Vec<&str> = done.as_array().unwrap().iter().map(|one| one["runtime"].as_str().unwrap()).collect();
    assert_eq!(names, ["go", "node"]);
    assert!(said.contains("the checksum of node 20.1.0 could not be verified"), "{said}");
    assert!(said.contains("there is no node 99") && said.contains("hint: "), "{said}");
    assert_eq!(world.versions(), ["22.11.0"]);
    assert_eq!(out(world.omg(&["exec", "go@1", "node@22", "--", "go"])), "go 1.24.0\n");
    let again = out(world.omg(&["install", "node@22", "go@1.24", "node@22"]));
    assert_eq!(again.matches("is installed already").count(), 3, "{again}");
    let log: Value = serde_json::from_str(&out(world.omg(&["audit", "log", "--json"]))).unwrap();
    let installed = log.as_array().unwrap().iter().filter(|entry| entry["event"] == "runtime-installed").count();
    assert_eq!(installed, 2);
    assert_eq!(world.omg(&["audit", "verify"]).status.code(), Some(0));
}

/// A mise in the home that has `mytool` once it was told to install it, and cannot install `badtool`.
fn keep_mise(world: &World) {
    let write = |name: &str, text: &str| {
        let file = world.home().join(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, format!("#!/bin/sh\n{text}\n")).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
    };
    write("mytool/mytool", "echo mytool $MYTOOL");
    write(
        ".local/bin/mise",
        "case \"$*\" in
        'bin-paths -- mytool@1') [ ! -e ~/installed ] || echo ~/mytool ;;
        'env --json-extended -- mytool@1') echo '{\"MYTOOL\": {\"value\": \"set\", \"tool\": \"mytool\"}}' ;;
        'install -- mytool@1') >~/installed ;;
        install*) exit 1 ;;
        esac",
    );
}

#[test]
fn one_command_brings_runtimes_and_tools_of_mise() {
    let world = World::new();
    world.publish("22.11.0");
    let both = ["node@22", "mytool@1"];
    let with = |verb: &str, names: &[&str]| world.omg(&[&[verb], names].concat());
    let asks = || fs::read_to_string(world.project().join("omg.toml")).unwrap_or_default();
    for verb in ["install", "use"] {
        let output = with(verb, &both);
        assert!(output.status.code() == Some(1) && err(&output).contains("there is no mise here"), "{}", err(&output));
        assert!(world.versions().is_empty() && asks().is_empty(), "{verb}");
    }
    keep_mise(&world);
    let would = out(with("install", &["node@22", "mytool@1", "--dry-run"]));
    assert!(would.contains("node 22.11.0 would be installed in "), "{would}");
    assert!(would.ends_with("mytool 1 would be installed by mise\n") && world.versions().is_empty(), "{would}");
    assert!(!world.home().join("installed").exists());
    // What fails keeps the others from nothing, but no file asks for it.
    let output = with("install", &["badtool@1", "node@22"]);
    assert_eq!(output.status.code(), Some(3), "{}", err(&output));
    assert!(err(&output).contains("error: mise could not install badtool@1\nhint: "), "{}", err(&output));
    assert!(String::from_utf8_lossy(&output.stdout).starts_with("node 22.11.0 is installed in "), "{output:?}");
    assert_eq!(world.versions(), ["22.11.0"]);
    assert!(!with("use", &["node@22", "badtool@1"]).status.success() && asks().is_empty());
    let done: Value = serde_json::from_str(&out(with("install", &["node@22", "mytool@1", "--json"]))).unwrap();
    assert_eq!((&done[0]["runtime"], &done[1]["tool"]), (&"node".into(), &"mytool".into()), "{done}");
    let used = out(with("use", &both));
    assert_eq!(used.lines().count(), 2, "{used}");
    assert_eq!(asks(), "[runtimes]\nmytool = \"1\"\nnode = \"22\"\n");
    let run = ["exec", "node@22", "mytool@1", "--", "sh", "-c", "node; mytool"];
    assert_eq!(out(world.omg(&run)), "node 22.11.0\nmytool set\n");
}

/// Tells of each connection, and answers it with nothing before both have come: whoever fetches one after the other waits forever.
fn hears(asked: Sender<TcpStream>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://127.0.0.1:{}", listener.local_addr().unwrap().port());
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            drop(asked.send(stream));
        }
    });
    url
}

#[test]
fn two_are_fetched_side_by_side() {
    let world = World::new();
    world.publish("22.11.0");
    let (sender, asked) = channel();
    let (node, go) = (hears(sender.clone()), hears(sender));
    publish_go(&world, &go);
    configure(&world, &node, &go);
    // The list of node's versions comes from the disk, so that what is asked for first is of each archive.
    let config = world.home().join(".config/omg/config.toml");
    let text = fs::read_to_string(&config).unwrap();
    let index = format!("{}/index.json", mirror(&world));
    fs::write(&config, text.replacen("mirror", &format!("index = \"{index}\"\nmirror"), 1)).unwrap();
    let child = world.command(&["install", "node@22", "go@1.24"]).stderr(std::process::Stdio::piped()).spawn().unwrap();
    let wait = Duration::from_secs(60);
    let streams: Vec<TcpStream> =
        (0..2).map(|_| asked.recv_timeout(wait).expect("both are asked for before either was answered")).collect();
    for mut stream in streams {
        stream.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").unwrap();
    }
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(3));
    assert_eq!(err(&output).matches("error: ").count(), 2, "{}", err(&output));
}

fn kept(world: &World) -> Vec<u64> {
    let archives = world.home().join(".cache/omg/runtimes/archives");
    let entries = fs::read_dir(archives).into_iter().flatten().flatten();
    let parts = entries.filter(|entry| entry.path().extension().is_some_and(|end| end == "part"));
    parts.map(|entry| entry.metadata().unwrap().len()).collect()
}

/// Starts an installation, and kills it when half of the archive has come; the server is good from then on.
fn killed(world: &World) -> (u64, Server) {
    world.publish_large("22.11.0", 600_000);
    let server = Server::start(world, Manner::Stalls);
    let mut child = world.command(&["install", "node@22"]).spawn().unwrap();
    let half = fs::metadata(world.archive_path("22.11.0")).unwrap().len() / 2;
    while kept(world) != [half] {
        assert!(child.try_wait().unwrap().is_none(), "it ended by itself");
        std::thread::sleep(Duration::from_millis(5));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    *server.manner.lock().unwrap() = Manner::Good;
    server.asked.lock().unwrap().clear();
    (half, server)
}

/// Where each request for an archive began.
fn begun(server: &Server) -> Vec<u64> {
    server.asked.lock().unwrap().iter().map(|(_, start)| *start as u64).collect()
}

#[test]
fn what_was_interrupted_goes_on_where_it_was() {
    let world = World::new();
    let (half, server) = killed(&world);
    out(world.omg(&["install", "node@22"]));
    assert_eq!(begun(&server), [half]);
    assert_eq!(out(world.omg(&["exec", "node@22", "--", "node"])), "node 22.11.0\n");
    assert!(kept(&world).is_empty(), "nothing is kept of what is there");
    assert_eq!(world.left_over(), 0);
}

#[test]
fn what_was_kept_and_is_bad_is_fetched_again() {
    let world = World::new();
    let (half, server) = killed(&world);
    let archives = world.home().join(".cache/omg/runtimes/archives");
    let paths = fs::read_dir(&archives).unwrap().map(|entry| entry.unwrap().path());
    let part = paths.into_iter().find(|path| path.extension().is_some_and(|end| end == "part")).unwrap();
    let mut bytes = fs::read(&part).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&part, bytes).unwrap();
    out(world.omg(&["install", "node@22"]));
    assert_eq!(begun(&server), [half, 0]);
    assert_eq!((world.versions(), kept(&world)), (vec!["22.11.0".to_owned()], Vec::new()));
    let log = out(world.omg(&["audit", "log", "--json"]));
    assert!(!log.contains("runtime-rejected"), "its publisher is not to blame: {log}");
}

#[test]
fn what_changed_meanwhile_is_fetched_from_its_beginning() {
    let world = World::new();
    let (_, server) = killed(&world);
    // What the server says of it now is of another file, whose checksum its publisher states.
    world.publish_large("22.11.0", 700_000);
    *server.manner.lock().unwrap() = Manner::Good;
    out(world.omg(&["install", "node@22"]));
    assert_eq!(begun(&server), [0]);
    assert_eq!(kept(&world).len(), 1, "nobody will ask for that one, and in a week it is swept");
}

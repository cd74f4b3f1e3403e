//! The AUR's list, fetched by `omg refresh` from a server of our own on loopback.

use crate::pacman_root::PacmanRoot;
use crate::support::{Place, has_apt};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Output;
use std::sync::{Arc, Mutex};

/// What the server does with the next requests.
#[derive(Clone, Default)]
struct Plan {
    body: Vec<u8>,
    etag: &'static str,
    /// Answers 500 instead.
    fails: bool,
    /// Closes the connection after so many bytes of the body.
    cut: Option<usize>,
}

struct Server {
    port: u16,
    plan: Arc<Mutex<Plan>>,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Server {
    fn new(plan: Plan) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = Server { port, plan: Arc::new(Mutex::new(plan)), requests: Arc::default() };
        let (plan, requests) = (Arc::clone(&server.plan), Arc::clone(&server.requests));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                serve(stream, &plan.lock().unwrap().clone(), &requests);
            }
        });
        server
    }

    fn plan(&self, change: impl FnOnce(&mut Plan)) {
        change(&mut self.plan.lock().unwrap());
    }

    fn asked(&self) -> usize {
        self.requests.lock().unwrap().len()
    }

    fn last(&self) -> String {
        self.requests.lock().unwrap().last().unwrap().clone()
    }

    fn config(&self) -> String {
        format!("[aur]\nenabled = true\nurl = \"http://127.0.0.1:{}/meta.json.gz\"\n", self.port)
    }
}

fn serve(mut stream: TcpStream, plan: &Plan, requests: &Mutex<Vec<String>>) {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|got| got == 1) {
        head.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&head).to_lowercase();
    let field = |name: &str| head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    let etag = format!("etag: {}\r\nconnection: close\r\n", plan.etag);
    let from: usize = field("range").map_or(0, |range| range[6..range.len() - 1].parse().unwrap());
    let sent = &plan.body[from.min(plan.body.len())..];
    let start = if plan.fails {
        "HTTP/1.1 500 No\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".to_owned()
    } else if field("if-none-match") == Some(plan.etag) {
        format!("HTTP/1.1 304 Same\r\n{etag}\r\n")
    } else if from > 0 {
        let (last, all) = (plan.body.len() - 1, plan.body.len());
        format!(
            "HTTP/1.1 206 Part\r\n{etag}content-range: bytes {from}-{last}/{all}\r\ncontent-length: {}\r\n\r\n",
            sent.len()
        )
    } else {
        format!("HTTP/1.1 200 Good\r\n{etag}content-length: {}\r\n\r\n", sent.len())
    };
    let body =
        if start.starts_with("HTTP/1.1 20") { &sent[..plan.cut.unwrap_or(sent.len()).min(sent.len())] } else { &[] };
    requests.lock().unwrap().push(head.clone());
    // The client may have had enough.
    let _ = stream.write_all(start.as_bytes()).and_then(|()| stream.write_all(body));
}

fn list_of(packages: &[(&str, &str)]) -> Vec<u8> {
    let entry = |(name, version): &(&str, &str)| {
        json!({"Name": name, "PackageBase": name, "Version": version, "Description": "An editor to be built", "Popularity": 1.5,
               "NumVotes": 7, "Depends": ["libtext"], "OutOfDate": Value::Null})
    };
    let text = serde_json::to_string(&packages.iter().map(entry).collect::<Vec<_>>()).unwrap();
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(text.as_bytes()).unwrap();
    packed.finish().unwrap()
}

fn first_list() -> Vec<u8> {
    list_of(&[("aur-editor", "3-1"), ("local-tool", "0.2-1")])
}

fn root_of(server: &Server) -> PacmanRoot {
    let root = PacmanRoot::new();
    root.configure(&server.config());
    root
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn versions(root: &PacmanRoot, name: &str) -> Value {
    serde_json::from_slice::<Value>(&root.omg(&["info", "--json", name]).stdout).unwrap()[0]["version"].clone()
}

#[test]
fn a_refresh_fetches_the_list_once_and_then_asks_whether_it_changed() {
    let server = Server::new(Plan { body: first_list(), etag: "\"one\"", ..Plan::default() });
    let root = root_of(&server);
    let output = root.omg(&["refresh"]);
    assert_eq!((code(&output), server.asked()), (0, 1), "{}", said(&output));
    assert_eq!(versions(&root, "aur-editor"), "3-1");
    let outdated: Value = serde_json::from_slice(&root.omg(&["outdated", "--json"]).stdout).unwrap();
    let tool = outdated.as_array().unwrap().iter().find(|package| package["name"] == "local-tool").unwrap();
    assert_eq!((&tool["version"], &tool["source"]), (&json!("0.2-1"), &json!("aur")));

    let output = root.omg(&["refresh"]);
    assert_eq!((code(&output), server.asked()), (0, 2));
    assert!(server.last().contains("if-none-match: \"one\""), "{}", server.last());
    assert!(said(&output).contains("nothing has changed"), "{}", said(&output));

    server.plan(|plan| (plan.body, plan.etag) = (list_of(&[("aur-editor", "4-1")]), "\"two\""));
    assert_eq!(code(&root.omg(&["refresh"])), 0);
    assert_eq!(versions(&root, "aur-editor"), "4-1");
}

#[test]
fn queries_hooks_and_other_roots_fetch_nothing() {
    let server = Server::new(Plan { body: first_list(), etag: "\"one\"", ..Plan::default() });
    let root = root_of(&server);
    assert_eq!(code(&root.omg(&["info", "editor"])), 0);
    root.touch_sources();
    assert_eq!(code(&root.omg(&["refresh", "--if-stale"])), 0);
    assert_eq!(server.asked(), 0);
    // Without a word in its configuration, a root that is not this machine's is not looked up on the network.
    root.configure(&server.config().replace("enabled = true\n", ""));
    assert_eq!(code(&root.omg(&["refresh"])), 0);
    root.configure(&server.config().replace("true", "false"));
    assert_eq!(code(&root.omg(&["refresh", "--force"])), 0);
    assert_eq!(server.asked(), 0);
}

#[test]
fn a_failed_fetch_is_told_everywhere_until_one_succeeds_and_the_copy_answers() {
    let server = Server::new(Plan { body: first_list(), etag: "\"one\"", ..Plan::default() });
    let root = root_of(&server);
    assert_eq!(code(&root.omg(&["refresh"])), 0);
    server.plan(|plan| plan.fails = true);
    for arguments in [&["refresh"][..], &["refresh", "--force"]] {
        let output = root.omg(arguments);
        assert_eq!(code(&output), 4, "{}", said(&output));
        assert!(said(&output).contains("/meta.json.gz: ") && said(&output).contains("is kept"), "{}", said(&output));
    }
    // A rebuild that a query asks for does not forget it.
    root.touch_sources();
    let found = root.omg(&["info", "aur-editor"]);
    assert_eq!(code(&found), 4);
    assert!(String::from_utf8_lossy(&found.stdout).contains("3-1"));
    let status: Value = serde_json::from_slice(&root.omg(&["status", "--json"]).stdout).unwrap();
    assert_eq!(status["problems"], 1);
    let doctor = String::from_utf8(root.omg(&["doctor"]).stdout).unwrap();
    assert!(
        doctor.contains("/meta.json.gz") && doctor.contains("hint: omg refresh, when the network is there"),
        "{doctor}"
    );

    server.plan(|plan| plan.fails = false);
    let output = root.omg(&["refresh"]);
    assert_eq!(code(&output), 0, "{}", said(&output));
    assert_eq!(code(&root.omg(&["doctor"])), 0);
}

#[test]
fn without_any_copy_a_failed_fetch_leaves_the_other_repositories() {
    let server = Server::new(Plan { fails: true, ..Plan::default() });
    let root = root_of(&server);
    let output = root.omg(&["refresh"]);
    assert_eq!(code(&output), 4);
    assert!(said(&output).contains("there is no copy yet"), "{}", said(&output));
    assert_eq!(versions(&root, "editor"), "1:2.0-1");
}

#[test]
fn a_download_that_was_cut_off_goes_on_where_it_was() {
    let many: Vec<(String, String)> = (0..500u64).map(|n| (format!("p{}", n * n * 7919), format!("{n}-1"))).collect();
    let many: Vec<(&str, &str)> = many.iter().map(|(name, version)| (name.as_str(), version.as_str())).collect();
    let body = list_of(&many);
    let server = Server::new(Plan { body, etag: "\"one\"", cut: Some(1000), ..Plan::default() });
    let root = root_of(&server);
    assert_eq!(code(&root.omg(&["refresh"])), 4);
    server.plan(|plan| plan.cut = None);
    let before = server.asked();
    let output = root.omg(&["refresh"]);
    assert_eq!((code(&output), server.asked()), (0, before + 1), "{}", said(&output));
    assert!(server.last().contains("range: bytes="), "{}", server.last());
    assert_eq!(versions(&root, "p7919"), "1-1");
}

#[test]
fn what_is_no_list_does_not_replace_the_copy() {
    let server = Server::new(Plan { body: first_list(), etag: "\"one\"", ..Plan::default() });
    let root = root_of(&server);
    assert_eq!(code(&root.omg(&["refresh"])), 0);
    for (body, etag) in
        [(b"<html>Sorry</html>".to_vec(), "\"two\""), (list_of(&[]), "\"three\""), (Vec::new(), "\"four\"")]
    {
        server.plan(|plan| (plan.body, plan.etag) = (body, etag));
        let output = root.omg(&["refresh"]);
        assert_eq!(code(&output), 4, "{etag}: {}", said(&output));
        assert_eq!(versions(&root, "aur-editor"), "3-1", "{etag}");
    }
}

#[test]
fn turned_off_it_is_out_of_the_index_and_its_copy_stays() {
    let server = Server::new(Plan { body: first_list(), etag: "\"one\"", ..Plan::default() });
    let root = root_of(&server);
    assert_eq!(code(&root.omg(&["refresh"])), 0);
    root.configure("[aur]\nenabled = false\n");
    assert_eq!(code(&root.omg(&["refresh"])), 0);
    assert_eq!(code(&root.omg(&["info", "aur-editor"])), 1);
    let copy = root.path("index/packages-meta-ext-v1.json.gz");
    assert_eq!(fs::read(copy).unwrap(), first_list());
    root.configure(&server.config());
    assert_eq!(code(&root.omg(&["refresh"])), 0);
    assert!(server.last().contains("if-none-match"), "the copy still counts");
    assert_eq!(versions(&root, "aur-editor"), "3-1");
}

#[test]
fn a_fault_in_the_configuration_is_named_and_queries_go_on() {
    let root = PacmanRoot::new();
    assert_eq!(code(&root.omg(&["refresh"])), 0);
    root.configure("[aur]\nenabled = true\nmirror = \"x\"\n");
    for verb in ["refresh", "doctor"] {
        let output = root.omg(&[verb]);
        let text = said(&output) + &String::from_utf8_lossy(&output.stdout);
        assert_eq!(code(&output), if verb == "doctor" { 4 } else { 3 });
        assert!(text.contains("config.toml:3: unknown field `mirror`") && text.contains("hint: "), "{text}");
    }
    assert_eq!(code(&root.omg(&["info", "editor"])), 0);
}

#[test]
fn the_users_configuration_counts_on_this_machine() {
    if !has_apt("the_users_configuration_counts_on_this_machine") {
        return;
    }
    let server = Server::new(Plan { body: first_list(), etag: "\"one\"", ..Plan::default() });
    let place = Place::new();
    fs::create_dir_all(place.folder.path().join(".config/omg")).unwrap();
    fs::write(place.folder.path().join(".config/omg/config.toml"), server.config()).unwrap();
    let output = place.omg(&["refresh"]);
    assert_eq!((code(&output), server.asked()), (0, 1), "{}", said(&output));
    assert_eq!(place.json(&["info", "--json", "aur-editor"])[0]["source"], "aur");
}

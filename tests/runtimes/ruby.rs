//! Ruby by the real ruby-build, with a definition of a small program of our own.

use crate::world::{World, err, hex, out, programs};
use serde_json::Value;
use std::fs;
use std::process::{Command, Output};

/// What `./configure && make && make install` make a ruby of, which tells its own place.
fn source() -> Vec<u8> {
    let configure = "#!/bin/sh\nfor word; do case $word in --prefix=*) prefix=${word#*=} ;; esac; done\necho \"$*\" >options\n\
         printf 'all:\\ninstall:\\n\\tmkdir -p %s/bin\\n\\tcp ruby options %s/bin\\n' \"$prefix\" \"$prefix\" >Makefile\n";
    programs(&[("ruby-9.9.1/configure", configure), ("ruby-9.9.1/ruby", "#!/bin/sh\necho ruby 9.9.1\n")])
}

struct Ruby {
    world: World,
    definition: String,
}

impl Ruby {
    /// `None` where there is no ruby-build.
    fn new(test: &str) -> Option<Ruby> {
        if ["ruby-build", "make"].iter().any(|name| Command::new(name).arg("--version").output().is_err()) {
            println!("skipped {test}: no ruby-build here");
            return None;
        }
        let world = World::new();
        let source = source();
        for folder in ["definitions", "archives"] {
            fs::create_dir_all(world.home().join(folder)).unwrap();
        }
        fs::write(world.home().join("archives/ruby-9.9.1.tar.gz"), &source).unwrap();
        let definition = format!(
            "install_package \"ruby-9.9.1\" \"https://ruby.invalid/ruby-9.9.1.tar.gz#{}\" standard\n",
            hex(&source)
        );
        let ruby = Ruby { world, definition };
        ruby.define(&ruby.definition);
        Some(ruby)
    }

    fn define(&self, text: &str) {
        fs::write(self.world.home().join("definitions/9.9.1"), text).unwrap();
    }

    fn omg(&self, words: &[&str]) -> Output {
        let home = self.world.home();
        let mut command = self.world.command(words);
        command.env("PATH", "/usr/local/bin:/usr/bin:/bin").env("RUBY_BUILD_DEFINITIONS", home.join("definitions"));
        // Nothing is fetched from anywhere.
        command.env("RUBY_BUILD_CACHE_PATH", home.join("archives")).env("RUBY_BUILD_SKIP_MIRROR", "1");
        command.output().unwrap()
    }
}

#[test]
fn ruby_is_built_by_ruby_build_and_may_be_moved() {
    let Some(ruby) = Ruby::new("ruby_is_built_by_ruby_build_and_may_be_moved") else { return };
    let listed = out(ruby.omg(&["runtime", "list", "ruby", "--available"]));
    assert!(listed.contains("ruby 9.9.1"), "{listed}");
    let output = ruby.omg(&["install", "ruby@9", "--json"]);
    let said = err(&output);
    assert!(said.contains("ruby 9.9.1 is built from its source by ") && said.contains("takes minutes"), "{said}");
    assert!(said.contains("not verified: what was built: ruby-build"), "{said}");
    let installed: Value = serde_json::from_str(&out(output)).unwrap();
    assert_eq!(installed[0]["version"], "9.9.1");
    assert!(ruby.definition.contains(installed[0]["sha256"].as_str().unwrap()), "{installed}");
    let exec = ["exec", "ruby@9.9.1", "--"];
    assert_eq!(out(ruby.omg(&[&exec[..], &["ruby"]].concat())), "ruby 9.9.1\n");
    // It was built for another folder than the one it lies in.
    let options =
        fs::read_to_string(ruby.world.home().join(".local/share/omg/versions/ruby/9.9.1/bin/options")).unwrap();
    assert!(options.contains("--enable-load-relative"), "{options}");
    let log: Value = serde_json::from_str(&out(ruby.omg(&["audit", "log", "--json"]))).unwrap();
    assert_eq!(log[0]["details"]["url"], "https://ruby.invalid/ruby-9.9.1.tar.gz");

    out(ruby.omg(&["use", "ruby@9"]));
    out(ruby.omg(&["pin", "--lock"]));
    out(ruby.omg(&["uninstall", "ruby@9", "--yes"]));
    ruby.define(&ruby.definition.replace(&hex(&source()), &"0".repeat(64)));
    let refused = ruby.omg(&["install", "ruby@9"]);
    assert!(err(&refused).contains("omg.lock line "), "{}", err(&refused));
}

#[test]
fn what_ruby_build_would_not_check_is_not_built_and_what_it_refuses_is_not_there() {
    let name = "what_ruby_build_would_not_check_is_not_built_and_what_it_refuses_is_not_there";
    let Some(ruby) = Ruby::new(name) else { return };
    ruby.define(&ruby.definition.replace('#', "?"));
    let unknown = ruby.omg(&["install", "ruby@9"]);
    assert!(err(&unknown).contains("there is no ruby 9 for this kind of machine"), "{}", err(&unknown));
    ruby.define(&ruby.definition.replace(&hex(&source()), &"0".repeat(64)));
    let refused = ruby.omg(&["install", "ruby@9"]);
    assert_eq!(refused.status.code(), Some(3));
    assert!(err(&refused).contains("ruby-build failed"), "{}", err(&refused));
    let versions = ruby.world.home().join(".local/share/omg/versions/ruby");
    let names: Vec<_> = fs::read_dir(versions).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, [".lock"], "nothing is left");
}

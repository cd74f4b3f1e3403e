//! The hook in zsh beside other people's prompts, in a terminal: oh-my-zsh, powerlevel10k and starship. Versions follow the folder, the
//! last command's code reaches the prompt, and nothing is said by mistake.
//!
//! Where a peer lies, its usual variable or place says: `ZSH`, `OMG_TEST_POWERLEVEL10K`, the search path.

use super::tmux::Terminal;
use super::{Home, OMG};
use std::fs;
use std::path::{Path, PathBuf};

/// The first of these folders that has the file.
fn lies(test: &str, peer: &str, variable: &str, usual: &[&str], file: &str) -> Option<PathBuf> {
    let named = std::env::var_os(variable).map(PathBuf::from);
    let mut folders = named.into_iter().chain(usual.iter().map(PathBuf::from));
    let found = folders.find(|folder| folder.join(file).is_file());
    if found.is_none() {
        println!("skipped {test}: no {peer} here");
    }
    found
}

/// Types what a person would, twice: some prompts keep things for their next start.
fn follows_folders(test: &str, home: &Home, zshrc: &str) {
    if !Path::new("/usr/bin/zsh").exists() && !Path::new("/bin/zsh").exists() {
        return println!("skipped {test}: no zsh here");
    }
    // What prompts of this size call for.
    for folder in ["/usr/bin", "/bin"] {
        for entry in fs::read_dir(folder).unwrap().flatten() {
            let (name, link) = (entry.file_name(), home.at("programs").join(entry.file_name()));
            if !["node", "omg", "mise"].contains(&&*name.to_string_lossy()) && fs::symlink_metadata(&link).is_err() {
                std::os::unix::fs::symlink(entry.path(), link).unwrap();
            }
        }
    }
    home.write(".zshrc", &zshrc.replace("@HOOK@", &format!("eval \"$('{OMG}' hook zsh)\"")));
    for _ in 0..2 {
        home.write("said", "");
        let said = home.at("said");
        let Some(terminal) = Terminal::start(test, home, "zsh -i") else { return };
        for (line, lines) in [
            ("before=$PATH", 0),
            ("cd ~/a", 0),
            ("node >>~/said; echo $OMG_PROMPT >>~/said", 2),
            ("cd ~/b", 0),
            ("node >>~/said", 3),
            ("sh -c 'exit 7'", 3),
            ("echo $? >>~/said", 4),
            ("cd ~/none/deep", 4),
            ("command -v node >>~/said; [[ $PATH == $before ]] && echo restored >>~/said", 5),
            ("echo $JAVA_HOME. >>~/said", 6),
        ] {
            terminal.type_until(line, &said, lines);
        }
        let screen = terminal.screen();
        assert_eq!(fs::read_to_string(&said).unwrap(), "22.1.0\nnode 22 \n20.1.0\n7\nrestored\n.\n", "{screen}");
        assert!(!["error", "not found", "omg:", "hint:"].iter().any(|word| screen.contains(word)), "{screen}");
    }
}

#[test]
fn beside_oh_my_zsh_the_hook_works_before_and_behind_it() {
    let test = "beside_oh_my_zsh_the_hook_works_before_and_behind_it";
    let usual = ["/usr/share/oh-my-zsh"];
    let Some(folder) = lies(test, "oh-my-zsh", "ZSH", &usual, "oh-my-zsh.sh") else { return };
    let load = format!(
        "ZSH='{}'\nzstyle ':omz:update' mode disabled\nZSH_THEME=robbyrussell\nplugins=(git dotenv last-working-dir)\nsource $ZSH/oh-my-zsh.sh\nPROMPT+='>'\n",
        folder.display()
    );
    for zshrc in [format!("{load}@HOOK@\n"), format!("@HOOK@\n{load}")] {
        follows_folders(test, &Home::new(), &zshrc);
    }
}

#[test]
fn beside_powerlevel10k_the_segment_shows_the_versions() {
    let test = "beside_powerlevel10k_the_segment_shows_the_versions";
    let usual = ["/usr/share/zsh-theme-powerlevel10k", "/usr/share/powerlevel10k"];
    let file = "powerlevel10k.zsh-theme";
    let Some(folder) = lies(test, "powerlevel10k", "OMG_TEST_POWERLEVEL10K", &usual, file) else { return };
    let zshrc = format!(
        "instant=~/.cache/p10k-instant-prompt-${{(%):-%n}}.zsh\n[[ -r $instant ]] && source $instant
POWERLEVEL9K_DISABLE_CONFIGURATION_WIZARD=true\nPOWERLEVEL9K_DISABLE_GITSTATUS=true\nPOWERLEVEL9K_INSTANT_PROMPT=verbose
source '{}/{file}'
prompt_omg() {{ p10k segment -t \"${{OMG_PROMPT% }}\" }}
POWERLEVEL9K_LEFT_PROMPT_ELEMENTS=(dir status omg prompt_char)\nPOWERLEVEL9K_RIGHT_PROMPT_ELEMENTS=()\n@HOOK@\n",
        folder.display()
    );
    follows_folders(test, &Home::new(), &zshrc);
}

#[test]
fn beside_starship_its_variable_shows_the_versions() {
    let test = "beside_starship_its_variable_shows_the_versions";
    let search = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&search).map(|folder| folder.join("starship")).find(|path| path.is_file());
    let Some(starship) = found else { return println!("skipped {test}: no starship here") };
    let home = Home::new();
    std::os::unix::fs::symlink(starship, home.at("programs/starship")).unwrap();
    home.write(
        ".config/starship.toml",
        "format = '${env_var.OMG_PROMPT}$directory$status$character'\nadd_newline = false\n[status]\ndisabled = false\n[env_var.OMG_PROMPT]\nformat = '$env_value'\n[character]\nerror_symbol = '❯'\n",
    );
    follows_folders(test, &home, "eval \"$(starship init zsh)\"\n@HOOK@\nexport OMG_PROMPT\n");
}

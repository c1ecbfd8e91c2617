//! Conventions of the commands of the gateway: `-C`, exit codes, files that they create.

use std::process::Output;

use super::running::Folder;

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Returns the names of the files in a folder.
fn names(folder: &Folder) -> Vec<String> {
    let entries = std::fs::read_dir(folder.path()).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn read_only_commands_create_no_files() {
    let folder = Folder::with_listener("");
    let before = names(&folder);
    for command in [
        ["requests", "list"].as_slice(),
        &["requests", "show", "01a22e44-fc5d-7652-b6fd-72ba50e71ba3"],
        &["deliveries", "list"],
        &["subscriptions", "list"],
        &["diverted", "list"],
        &["keys", "list"],
        &["tenants", "list"],
        &["replay"],
        &["backup", "copy.db"],
        &["check"],
    ] {
        let output = folder.command(command);
        if command != ["check"] {
            assert_eq!(output.status.code(), Some(2), "{command:?}: {}", stderr(&output));
            let report = stderr(&output);
            assert!(report.contains("there is no store"), "{command:?}: {report}");
        }
        assert_eq!(names(&folder), before, "{command:?}");
    }
    folder.stdout_of(&["tenants", "create", "acme"]);
    assert!(folder.stdout_of(&["tenants", "list"]).contains("acme"));
}

#[test]
fn check_accepts_the_folder_option_of_every_other_command() {
    let folder = Folder::with_listener("");
    let output = folder.command(&["check"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(stderr(&output).contains("2 sources checked"), "{}", stderr(&output));
    folder.write("listeners/other.toml", "id = 3\n");
    assert_eq!(folder.command(&["check"]).status.code(), Some(1));
}

#[test]
fn an_unknown_argument_value_lists_the_known_values() {
    let folder = Folder::with_listener("");
    folder.stdout_of(&["tenants", "create", "acme"]);
    for (command, known) in [
        (["requests", "list", "--outcome", "acepted"], "accepted, challenged"),
        (["requests", "list", "--listener", "nosuch"], "the listeners are"),
    ] {
        let output = folder.command(&command);
        assert_eq!(output.status.code(), Some(2), "{command:?}");
        assert!(stderr(&output).contains(known), "{command:?}: {}", stderr(&output));
    }
}

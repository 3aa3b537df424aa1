//! Links, and files that get other names or lose theirs.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use crate::fault_tests::scenario::{PLAIN, Scenario};
use crate::{
    LeftSnapshot, make_directory, move_files, remove, remove_directory, remove_snapshot, replace_links, seal,
};

pub(super) fn names() -> Vec<Scenario> {
    vec![
        links_replaced(),
        files_sealed(),
        files_moved(),
        files_removed(),
        snapshot_removed(),
        directory_made(),
        directory_removed(),
    ]
}

fn links_replaced() -> Scenario {
    Scenario {
        name: "links, replaced",
        prepare: |directory| {
            for name in ["last", "latest"] {
                symlink("a", directory.join(name)).unwrap();
            }
        },
        run: |directory| {
            replace_links(&["last", "latest"].map(|name| (directory.join(name), PathBuf::from("b"))))
        },
        is_done: |directory| link(directory, "last") == "b" && link(directory, "latest") == "b",
        is_whole: |directory| {
            ["last", "latest"].iter().all(|name| ["a", "b"].contains(&link(directory, name).as_str()))
        },
        ..PLAIN
    }
}

fn files_sealed() -> Scenario {
    Scenario {
        name: "seal",
        prepare: make_files,
        run: |directory| {
            // A run that meets leftovers begins anew.
            for name in ["a", "b"] {
                fs::write(directory.join(name), name).unwrap();
            }
            seal(&pairs(directory, &[("a", "x"), ("b", "y")]))
        },
        leftovers: &["x", "y"],
        is_done: |directory| exist(directory, &["x", "y"]),
        is_whole: |directory| {
            exist(directory, &["a", "b"]) || exist(directory, &["x", "b"]) || exist(directory, &["x", "y"])
        },
        changes: &["a", "b"],
        ..PLAIN
    }
}

fn files_moved() -> Scenario {
    Scenario {
        name: "move",
        prepare: |directory| {
            for name in ["a", "b"] {
                fs::write(directory.join(name), name).unwrap();
            }
            fs::create_dir(directory.join("trash")).unwrap();
        },
        run: |directory| move_files(&pairs(directory, &[("a", "trash/a"), ("b", "trash/b")])),
        is_done: |directory| exist(directory, &["trash/a", "trash/b"]),
        is_whole: |directory| {
            [["a", "trash/a"], ["b", "trash/b"]]
                .iter()
                .all(|places| places.iter().any(|name| exist(directory, &[name])))
        },
        changes: &["a", "b"],
        ..PLAIN
    }
}

fn files_removed() -> Scenario {
    Scenario {
        name: "remove",
        prepare: make_files,
        run: |directory| remove(&["a", "missing", "b"].map(|name| directory.join(name))),
        is_done: |directory| !exist(directory, &["a"]) && !exist(directory, &["b"]),
        changes: &["a", "b"],
        ..PLAIN
    }
}

fn snapshot_removed() -> Scenario {
    Scenario {
        name: "snapshot, removed",
        prepare: |directory| {
            fs::create_dir(directory.join("old")).unwrap();
            fs::set_permissions(directory.join("old"), fs::Permissions::from_mode(0o700)).unwrap();
            fs::write(directory.join("old/disk"), "disk").unwrap();
        },
        run: |directory| {
            let (path, repository) = (directory.join("old"), directory.to_owned());
            let left = LeftSnapshot { path, name: "disk".into(), identity: None, repository };
            remove_snapshot(&left).map(drop)
        },
        is_done: |directory| !directory.join("old").exists(),
        ..PLAIN
    }
}

fn directory_made() -> Scenario {
    Scenario {
        name: "directory, made",
        run: |directory| make_directory(&directory.join("new")),
        is_done: |directory| directory.join("new").is_dir(),
        ..PLAIN
    }
}

fn directory_removed() -> Scenario {
    Scenario {
        name: "directory, removed",
        prepare: |directory| fs::create_dir(directory.join("old")).unwrap(),
        run: |directory| remove_directory(&directory.join("old")),
        is_done: |directory| !directory.join("old").exists(),
        ..PLAIN
    }
}

fn make_files(directory: &Path) {
    for name in ["a", "b"] {
        fs::write(directory.join(name), name).unwrap();
    }
}

fn link(directory: &Path, name: &str) -> String {
    fs::read_link(directory.join(name)).unwrap().to_string_lossy().into_owned()
}

fn exist(directory: &Path, names: &[&str]) -> bool {
    names.iter().all(|name| directory.join(name).exists())
}

fn pairs(directory: &Path, names: &[(&str, &str)]) -> Vec<(PathBuf, PathBuf)> {
    names.iter().map(|(from, to)| (directory.join(from), directory.join(to))).collect()
}

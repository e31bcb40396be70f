//! The rules, fed with houses that break them: each breach must be seen, and nothing else.

use super::directions;
use super::files;
use super::graph::{File, Graph, module_path};

fn file(path: &str, text: &str) -> File {
    File { path: path.to_owned(), text: text.to_owned() }
}

/// A house of the given files, with the modules above them declared as Rust needs it.
fn house(given: &[(&str, &str)]) -> Graph {
    let mut all: Vec<File> = given.iter().map(|(path, text)| file(path, text)).collect();
    let mut at = 0;
    while at < all.len() {
        let path = module_path(&all[at].path).expect("a file of src/");
        at += 1;
        let Some((name, parent)) = path.split_last() else { continue };
        if path == ["main"] {
            continue;
        }
        let line = format!("\npub mod {name};\n");
        if let Some(above) = all.iter_mut().find(|file| module_path(&file.path).as_deref() == Some(parent)) {
            if !above.text.contains(&format!("mod {name}")) {
                above.text.push_str(&line);
            }
        } else if parent.is_empty() {
            all.push(file("src/lib.rs", &line));
        } else {
            all.push(file(&format!("src/{}/mod.rs", parent.join("/")), &line));
        }
    }
    Graph::of(&all)
}

fn breaches(given: &[(&str, &str)]) -> Vec<String> {
    directions::breaches(&house(given))
}

/// Exactly one breach is seen, and its sentence holds these words.
fn assert_breach(given: &[(&str, &str)], words: &str) {
    let found = breaches(given);
    assert!(found.len() == 1 && found[0].contains(words), "expected one breach with `{words}`, found {found:#?}");
}

fn assert_sound(given: &[(&str, &str)]) {
    assert_eq!(breaches(given), Vec::<String>::new());
}

#[test]
fn a_sound_house_passes() {
    assert_sound(&[
        ("src/domain/mod.rs", "pub struct Seat;"),
        ("src/write_store/mod.rs", "use crate::domain::Seat; pub trait WriteStore {}"),
        ("src/write_store/postgres/mod.rs", "use super::WriteStore; use self::rows::Row;"),
        ("src/write_store/postgres/rows.rs", "use super::super::WriteStore; pub struct Row;"),
        ("src/box_office/mod.rs", "use crate::write_store::WriteStore;"),
        ("src/http/mod.rs", "use crate::{box_office, domain::Seat};"),
        (
            "src/config.rs",
            "use crate::write_store::postgres::Settings; fn f() { crate::write_store::postgres::Settings::default(); }",
        ),
        ("src/app.rs", "use crate::config; use crate::write_store::postgres::PostgresStore;"),
        ("src/cli/mod.rs", "use crate::app;"),
        ("src/main.rs", "use turnstile::cli; fn main() { turnstile::cli::run() }"),
    ]);
}

#[test]
fn an_import_that_points_up_is_seen() {
    assert_breach(
        &[("src/domain/mod.rs", "use crate::write_store::Draft;"), ("src/write_store/mod.rs", "")],
        "src/domain/mod.rs:1: `domain` may not import from `write_store`",
    );
    assert_breach(
        &[("src/live/mod.rs", "\n\nfn f() { crate::http::serve() }"), ("src/http/mod.rs", "")],
        "src/live/mod.rs:3: `live` may not import from `http`",
    );
    assert_breach(
        &[("src/http/mod.rs", "use crate::config::Config;"), ("src/config.rs", "")],
        "`http` may not import from `config`",
    );
    assert_breach(&[("src/app.rs", "use turnstile::cli;"), ("src/cli/mod.rs", "")], "`app` may not import from `cli`");
    assert_breach(
        &[("src/cli/mod.rs", "use crate::main::run;"), ("src/main.rs", "")],
        "`cli` may not import from `main`",
    );
}

#[test]
fn an_outsider_that_looks_inside_is_seen() {
    assert_breach(
        &[("src/loadtest/mod.rs", "use crate::telemetry::init;"), ("src/telemetry.rs", "")],
        "`loadtest` may not import from `telemetry`: it looks from outside",
    );
    assert_sound(&[
        ("src/loadtest/mod.rs", "use crate::domain::Seat; mod plan;"),
        ("src/loadtest/plan.rs", "use crate::loadtest;"),
        ("src/domain/mod.rs", "pub struct Seat;"),
    ]);
}

#[test]
fn an_import_between_neighbours_is_seen() {
    assert_breach(
        &[("src/seat_lock/valkey.rs", "use crate::event_bus::Bus;"), ("src/event_bus/mod.rs", "")],
        "`seat_lock` may not import from `event_bus`",
    );
    assert_breach(
        &[("src/live/mod.rs", "use crate::box_office::BoxOffice;"), ("src/box_office/mod.rs", "")],
        "`live` may not import from `box_office`",
    );
    assert_breach(
        &[("src/telemetry.rs", "use crate::domain::Seat;"), ("src/domain/mod.rs", "")],
        "`telemetry` may not import from `domain`",
    );
}

#[test]
fn an_import_is_seen_in_every_way_to_write_it() {
    let ways = [
        "use crate::{domain::Seat, live::Hub};",
        "use crate::{domain::{self, Seat}, live as watching};",
        "use super::super::live::Hub;",
        "use super::super::{live};",
        "use crate as house; use house::live::Hub;",
        "fn hub() -> crate::live::Hub { todo() }",
        "fn hub() { let _ = <crate::live::Hub>::new(); }",
        "mod inner { use super::super::super::live::Hub; }",
        "pub(crate) use crate::live::*;",
        "const A: char = '\\''; const B: &str = \"// \\\"\"; const C: &str = r#\"\"/*\"#; use crate::live::Hub;",
        "fn f<'a>(x: &'a str) -> &'a str { crate::live::g(x) }",
        "/* /* */ */ use crate::live::Hub;",
        "#[cfg(not(test))] use crate::live::Hub;",
        "#[cfg(test)] mod tests { use crate::live::Hub; } use crate::live::Hub;",
        "struct S { #[cfg(test)] a: u8, b: crate::live::Hub }",
    ];
    for way in ways {
        let found = breaches(&[("src/read_model/view.rs", way), ("src/live/mod.rs", ""), ("src/domain/mod.rs", "")]);
        assert!(
            !found.is_empty() && found.iter().all(|breach| breach.contains("`read_model` may not import from `live`")),
            "{way}: {found:#?}"
        );
    }
}

#[test]
fn what_only_looks_like_an_import_is_not_seen() {
    assert_sound(&[
        (
            "src/read_model/view.rs",
            "//! See [`crate::live::Hub`].\n/* use crate::live; /* use crate::live; */ */\nconst A: &str = \"crate::live::Hub\";\nconst B: &str = r#\"use crate::live::Hub;\"#;\n\
             #[cfg(test)]\n#[allow(unused)]\nmod tests { use crate::live::Hub; }\n#[cfg(test)] use crate::live::Hub;\nfn live() { live::x(); other::live::y(); }",
        ),
        ("src/read_model/mod.rs", "#[cfg(test)] mod view_tests;\npub mod view;"),
        ("src/read_model/view_tests.rs", "use crate::live::Hub;"),
        ("src/live/mod.rs", ""),
    ]);
}

#[test]
fn naming_an_adapter_is_seen() {
    let adapter = ("src/read_model/mongodb/mod.rs", "pub struct Documents; pub struct Settings;");
    let words = "names the adapter `read_model::mongodb`";
    assert_breach(&[adapter, ("src/projector.rs", "use crate::read_model::mongodb::Documents;")], words);
    assert_breach(
        &[adapter, ("src/http/mod.rs", "use crate::read_model; fn f() { read_model::mongodb::connect() }")],
        words,
    );
    assert_breach(&[adapter, ("src/config.rs", "use crate::read_model::mongodb::Documents;")], words);
    assert_breach(&[adapter, ("src/cli/check.rs", "fn f(_: crate::read_model::mongodb::Documents) {}")], words);
    assert_breach(&[adapter, ("src/read_model/embedded.rs", "use super::mongodb::Documents;")], words);
}

#[test]
fn an_adapter_behind_a_re_export_is_seen() {
    let found = breaches(&[
        ("src/read_model/mod.rs", "pub use self::mongodb::Documents as Model;"),
        ("src/read_model/mongodb.rs", "pub struct Documents;"),
        ("src/projector.rs", "use crate::read_model::Model;"),
    ]);
    assert_eq!(found.len(), 2, "{found:#?}");
    assert!(found.iter().all(|breach| breach.contains("names the adapter")), "{found:#?}");
    assert!(found.iter().any(|breach| breach.starts_with("src/projector.rs:1")), "{found:#?}");
}

#[test]
fn a_ring_of_rooms_is_seen() {
    let ring = [
        ("src/live/mod.rs", "pub use self::hub::Hub;"),
        ("src/live/hub.rs", "use super::session::Session;"),
        ("src/live/session.rs", "use crate::live::signalr::protocol;"),
        ("src/live/signalr/mod.rs", ""),
        ("src/live/signalr/protocol.rs", ""),
        // Through a name that the parent re-exports.
        ("src/live/signalr/handshake.rs", "use crate::live::Hub;"),
    ];
    assert_breach(&ring, "import cycle: live::signalr -> live::hub -> live::session -> live::signalr");
    let [parent, hub, session, folder, protocol, _] = ring;
    assert_sound(&[parent, hub, session, folder, protocol, ("src/live/signalr/handshake.rs", "use super::protocol;")]);
}

#[test]
fn a_ring_of_files_is_seen() {
    assert_breach(
        &[
            ("src/seat_lock/valkey/lane.rs", "use super::link::Link;"),
            ("src/seat_lock/valkey/link.rs", "fn f() -> super::lane::Lane { todo() }"),
        ],
        "import cycle: src/seat_lock/valkey/lane.rs -> src/seat_lock/valkey/link.rs -> src/seat_lock/valkey/lane.rs",
    );
    assert_breach(
        &[
            ("src/read_model/mod.rs", "pub use self::view::View; pub struct Place;"),
            ("src/read_model/view.rs", "use crate::read_model::Place; pub struct View;"),
        ],
        "import cycle: src/read_model/mod.rs -> src/read_model/view.rs -> src/read_model/mod.rs",
    );
    // Through a name that the parent re-exports; the parent itself is in no ring.
    assert_breach(
        &[
            ("src/event_bus/rabbitmq/mod.rs", "pub use self::link::Link;"),
            ("src/event_bus/rabbitmq/link.rs", "use super::window::Window; pub struct Link;"),
            ("src/event_bus/rabbitmq/window.rs", "use super::Link; pub struct Window;"),
        ],
        "import cycle: src/event_bus/rabbitmq/link.rs -> src/event_bus/rabbitmq/window.rs -> src/event_bus/rabbitmq/link.rs",
    );
}

#[test]
fn rings_that_hang_together_are_one_breach() {
    assert_breach(
        &[
            ("src/seat_lock/valkey/lane.rs", "use super::link;"),
            ("src/seat_lock/valkey/link.rs", "use super::servers;"),
            ("src/seat_lock/valkey/servers.rs", "use super::{lane, tls};"),
            ("src/seat_lock/valkey/tls.rs", "use super::servers;"),
        ],
        "import cycle: src/seat_lock/valkey/servers.rs -> src/seat_lock/valkey/tls.rs -> src/seat_lock/valkey/servers.rs",
    );
}

#[test]
fn files_without_a_ring_pass() {
    assert_sound(&[
        ("src/seat_lock/mod.rs", "pub trait SeatLock {}"),
        ("src/seat_lock/valkey/mod.rs", "use self::lane::Lane; pub use self::settings::Settings; use super::SeatLock;"),
        (
            "src/seat_lock/valkey/settings.rs",
            "#[cfg(test)] mod tests { use super::super::lane::Lane; } pub struct Settings;",
        ),
        // What the parent re-exports is its child's.
        ("src/seat_lock/valkey/lane.rs", "use super::Settings; use super::link::Link; pub struct Lane;"),
        ("src/seat_lock/valkey/link.rs", "use crate::seat_lock::valkey::Settings; pub struct Link;"),
    ]);
}

#[test]
fn a_stranger_and_an_orphan_are_seen() {
    assert_breach(&[("src/lib.rs", "pub mod billing;"), ("src/billing.rs", "")], "`billing` is not in the house plan");
    assert_breach(
        &[("src/live/mod.rs", "// mod ring;"), ("src/live/ring.rs", "")],
        "src/live/ring.rs: no module declares it",
    );
}

/// The breaches of a single file, without its path.
fn file_breaches(path: &str, text: &str) -> Vec<String> {
    files::breaches(&file(path, text)).into_iter().map(|breach| breach.trim_start_matches(path).to_owned()).collect()
}

#[test]
fn a_file_that_breaks_a_house_rule_is_seen() {
    let head = "//! A file with a purpose.\n";
    assert_eq!(file_breaches("src/live/ring.rs", head), Vec::<String>::new());
    for (path, text, words) in [
        ("src/live/ring.rs", "use std::fmt;\n", "the first line is not"),
        ("src/live/ring.rs", "//!\n", "the first line is not"),
        ("tests/it/live.rs", "", "the first line is not"),
        ("tests/it/live.rs", "//! A test.. of something.\nfn f() { todo!() }\n", ":2: `todo!` is unfinished"),
        (
            "src/live/ring.rs",
            "//! A file with a purpose.\nfn f() { unimplemented!(\"later\") }\n",
            ":2: `unimplemented!` is unfinished",
        ),
        ("tests/it/live.rs", "//! A file with a purpose.\n#[ignore]\nfn f() {}\n", ":2: an ignored test"),
        ("src/live/ring.rs", "//! A file with a purpose.\npub use self::inner::*;\n", ":2: a glob re-export"),
        ("src/live/ring.rs", "//! A file with a purpose.\npub use self::{a, b::*};\n", ":2: a glob re-export"),
        ("src/live/ring.rs", "//! A file with a purpose.\nimpl Actor for Ring {}\n", "does not open with `//! Actor:`"),
        ("src/live/utils.rs", head, "a name that says nothing"),
        ("src/common/ring.rs", head, "a name that says nothing"),
        (
            "src/domain/ids.rs",
            "//! A file with a purpose.\nuse std::{fmt, time::SystemTime};\n",
            "`std::time::SystemTime` is not",
        ),
        ("src/domain/ids.rs", "//! A file with a purpose.\nfn f() { uuid(Uuid::now_v7()) }\n", "`Uuid::now_v7` is not"),
    ] {
        let found = file_breaches(path, text);
        assert!(found.len() == 1 && found[0].contains(words), "expected `{words}` for {path}, found {found:#?}");
    }
}

#[test]
fn a_long_file_is_seen() {
    let line = "//! A file with a purpose.\n";
    assert_eq!(file_breaches("src/live/ring.rs", &line.repeat(400)), Vec::<String>::new());
    assert_eq!(file_breaches("src/live/ring.rs", &line.repeat(401)).len(), 1);
    assert_eq!(file_breaches("src/write_store/schema.rs", &line.repeat(401)), Vec::<String>::new());
}

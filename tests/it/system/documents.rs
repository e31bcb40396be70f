//! Documents: the shell lines of the README and of the pages for sellers, box offices and integrators do what the text around them says.

use std::process::Stdio;

use tokio::process::Command;

use crate::stack::Stack;

/// Runs all `sh` blocks of a document's part as one script, in a folder like the one that the server was started in, and answers what they
/// print.
async fn run(document: &str, part: (&str, &str)) -> String {
    let stack = Stack::embedded().without_operator_token();
    let server = stack.start();
    let folder = stack.data_dir().join("folder");
    std::fs::create_dir(&folder).unwrap();
    std::os::unix::fs::symlink(stack.data_dir(), folder.join("turnstile-data")).unwrap();

    let text = std::fs::read_to_string(format!("{}/{document}", env!("CARGO_MANIFEST_DIR"))).unwrap();
    let (_, from) = text.split_once(part.0).expect("the part begins");
    let (part, _) = from.split_once(part.1).unwrap_or((from, ""));
    let blocks = part.split("```sh\n").skip(1).map(|block| block.split_once("```").expect("the block ends").0);
    let script: String = blocks.collect::<Vec<_>>().join("\n").replace("http://127.0.0.1:5000", server.address());
    let mut shell = Command::new("bash");
    shell.args(["-euc", &script]).current_dir(&folder).stdin(Stdio::null()).kill_on_drop(true);
    let ended = tokio::time::timeout(std::time::Duration::from_secs(60), shell.output()).await;
    let output = ended.expect("the script ends").unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    said
}

#[tokio::test(flavor = "multi_thread")]
async fn the_five_minutes_with_curl_work() {
    let said = run("README.md", ("## Five minutes with curl", "## What clients can rely on")).await;
    for word in [
        "Bourne Identity",
        "\"seatId\":",
        "\"holdToken\":",
        "\"code\":\"seats-taken\"",
        "\"status\":\"Confirmed\"",
        "\"movieTitle\":\"Metropolis\"",
        "together, no single seat left",
        "\"placesPerCustomer\":6",
    ] {
        assert!(said.contains(word), "{word} in {said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_for_sellers_works() {
    let said = run("docs/selling.md", ("# Selling", "\u{0}")).await;
    let lines: Vec<&str> = said.lines().collect();
    let [accessible, found, priced, price, places, areas, choice, tried, after @ ..] = lines.as_slice() else {
        panic!("{said}")
    };
    let [own, extended, term, refused, offered, confirmed, exchanged, crowd, refund, cancelled, payment] = after else {
        panic!("{said}")
    };
    assert!(crowd.contains("'total': 22000"), "{crowd}");
    assert_eq!(*tried, "row B 6-8, together, no single seat left");
    assert_eq!(offered.matches("'choice': ").count(), 3, "{offered}");
    assert_eq!(*accessible, "Stalls row B R1-R2, together, no single seat left");
    assert_eq!(*priced, "3");
    assert!(price.contains("'total': 6500"), "{price}");
    assert!(places.contains("'total': 16000"), "{places}");
    assert!(areas.contains("'available': 4997"), "{areas}");
    // The list may be a moment behind.
    assert!(found.starts_with('['), "{found}");
    assert_eq!(*exchanged, "The booking has the seats in seatIds.");
    assert_eq!(refund, payment);
    assert_eq!(*choice, "row A 5-8, together, no single seat left");
    assert!(own.matches("'status': 'Pending'").count() == 1, "{own}");
    assert!(extended.ends_with('Z'), "{extended}");
    assert_eq!(*term, "3");
    assert_eq!(*refused, "this customer has 4 places and wants 6 more; 8 are allowed at most");
    assert_eq!((*confirmed, *cancelled), ("Confirmed", "The projector is broken"));
    assert!(payment.starts_with("payment of "), "{payment}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_for_box_offices_works() {
    let said = run("docs/box-office.md", ("# The box office", "\u{0}")).await;
    let lines: Vec<&str> = said.lines().collect();
    let [version, moved, blocks, seen, unblocked, channel, fan, door, guests, found, table, paid, refused, after @ ..] =
        lines.as_slice()
    else {
        panic!("{said}")
    };
    let [total, full, guest, story, past] = after else { panic!("{said}") };
    assert_eq!(*refused, "carla - seats Stalls B1 and Stalls B2 are taken");
    assert_eq!(*version, "2");
    assert!(moved.ends_with("'version': 1}"), "{moved}");
    assert!(blocks.contains("'type': 'press'") && blocks.contains("'until': '2029-12-31T17:00:00Z'"), "{blocks}");
    assert_eq!((*unblocked, *channel, *fan, *door), ("Ended", "Fan club", "Pending", "Confirmed"));
    assert_eq!((*seen, *guests), ("['Available', 'Blocked']", "Confirmed"));
    assert_eq!((*found, *table), ("['Confirmed', 'Confirmed']", "Confirmed,counter,Stalls B1; Stalls B2,0,EUR"));
    assert_eq!(
        (*total, *full, *guest),
        ("total,,2,2,0,4,EUR,9000", "tariff,full,0,2,0,2,EUR,9000", "tariff,guest,0,0,0,2,EUR,0")
    );
    assert!(paid.len() == "[]".len() + 38, "the id of one showtime: {paid}");
    assert_eq!((*story, *past), ("['SeatsReserved', 'BookingConfirmed']", "{'Available'}"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_for_integrators_works() {
    let said = run("docs/integrating.md", ("# Integrating", "\u{0}")).await;
    let lines: Vec<&str> = said.lines().collect();
    let [seen, replayed, taken, wrong] = lines.as_slice() else { panic!("{said}") };
    assert_eq!((*seen, *replayed, *taken), ("Reserved", "True", "seats-taken"));
    assert!(wrong.contains("/seatIds") && wrong.contains("/user"), "{wrong}");
}

//! PostgreSQL restored to an earlier moment: what is derived from it heals by itself, and `check` and `rebuild` tell and mend it.

use std::path::PathBuf;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use tokio_tungstenite::tungstenite::Message;

use crate::services;
use crate::stack::{Server, Stack, eventually, execute};

/// All is true again so long after the restore.
const HEALED: Duration = Duration::from_secs(30);
/// SignalR's end of a record.
const END: &str = "\u{1e}";

/// A backup by `pg_dump`.
struct Backup(PathBuf);

impl Backup {
    async fn of(stack: &Stack) -> Self {
        let file = std::env::temp_dir().join(format!("{}.dump", stack.name()));
        run("pg_dump", &["--format=custom", "--file", file.to_str().unwrap(), &stack.postgres_url()]).await;
        Self(file)
    }

    /// Puts an empty database in the place of the present one, and the backup into it.
    async fn restore(&self, stack: &Stack) {
        let server = &stack.services().postgres;
        execute(server, &format!("DROP DATABASE {} WITH (FORCE)", stack.name())).await;
        execute(server, &format!("CREATE DATABASE {}", stack.name())).await;
        let url = stack.postgres_url();
        run("pg_restore", &["--single-transaction", "--no-owner", "--dbname", &url, self.0.to_str().unwrap()]).await;
    }
}

impl Drop for Backup {
    fn drop(&mut self) {
        let _removed = std::fs::remove_file(&self.0);
    }
}

async fn run(program: &str, arguments: &[&str]) {
    let mut command = Command::new(program);
    command.args(arguments);
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
}

/// What a client of a live feed believes of each seat.
type Believed = Arc<Mutex<std::collections::HashMap<String, String>>>;

/// A plain client; ends with its connection.
async fn plain_client(node: &Server, showtime: &str) -> Believed {
    let url = format!("{}/ws/showtimes/{showtime}", node.address().replacen("http", "ws", 1));
    let (mut socket, _) = tokio_tungstenite::connect_async(url).await.unwrap();
    let believed = Believed::default();
    let told = Arc::clone(&believed);
    tokio::spawn(async move {
        while let Some(Ok(Message::Text(text))) = socket.next().await {
            note(&told, &serde_json::from_str(&text).unwrap());
        }
    });
    believed
}

/// A client of the predecessor.
async fn signalr_client(node: &Server, showtime: &str) -> Believed {
    let url = format!("{}/hub/bookings", node.address().replacen("http", "ws", 1));
    let (mut socket, _) = tokio_tungstenite::connect_async(url).await.unwrap();
    let join = format!(r#"{{"type":1,"invocationId":"1","target":"JoinShowtime","arguments":["{showtime}"]}}"#);
    for text in [r#"{"protocol":"json","version":1}"#, &join] {
        socket.send(Message::text(format!("{text}{END}"))).await.unwrap();
    }
    let believed = Believed::default();
    let told = Arc::clone(&believed);
    tokio::spawn(async move {
        while let Some(Ok(message)) = socket.next().await {
            let Message::Text(text) = message else { continue };
            for record in text.split_terminator(END) {
                let record: Value = serde_json::from_str(record).unwrap();
                if record["target"] == "SeatsStatusChanged" {
                    note(&told, &record["arguments"][0]);
                }
            }
        }
    });
    believed
}

fn note(believed: &Believed, message: &Value) {
    let mut believed = believed.lock().unwrap();
    for seat in message["seats"].as_array().into_iter().flatten() {
        let status = seat["status"].as_str().unwrap().to_owned();
        believed.insert(seat["seatId"].as_str().unwrap().to_owned(), status);
    }
    for seat in message["seatIds"].as_array().into_iter().flatten() {
        let status = message["status"].as_str().unwrap().to_owned();
        believed.insert(seat.as_str().unwrap().to_owned(), status);
    }
}

/// The node shows these seats with these statuses.
async fn shows(node: &Server, showtime: &str, expected: &[(&String, &str)]) {
    eventually("the seat map is true", HEALED, || async {
        let answer = node.get(&format!("/api/showtimes/{showtime}")).await;
        let seats = answer.body["seats"].as_array().cloned().unwrap_or_default();
        let status = |id: &str| seats.iter().find(|seat| seat["seatId"] == id).map(|seat| seat["status"].clone());
        answer.status == 200 && expected.iter().all(|(seat, wanted)| status(seat) == Some(Value::from(*wanted)))
    })
    .await;
}

async fn sell(node: &Server, showtime: &str, seat: &String) {
    let held = node.hold(showtime, std::slice::from_ref(seat)).await;
    assert_eq!(node.confirm(&held, &format!("paid-{}", held.booking_id)).await.status, 200);
}

/// A seat is sold before the backup, others after it, and all of that on the nodes' memory.
async fn sold_before_and_after(nodes: &[Server]) -> (String, Vec<String>) {
    let (showtime, seats) = nodes[0].schedule(2).await;
    sell(&nodes[0], &showtime, &seats[0]).await;
    shows(&nodes[0], &showtime, &[(&seats[0], "Sold")]).await;
    (showtime, seats)
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_derived_heals_while_the_nodes_run() {
    let stack = Stack::real(services::shared()).await;
    let nodes = [stack.start(), stack.start()];
    let (showtime, seats) = sold_before_and_after(&nodes).await;
    let backup = Backup::of(&stack).await;
    let (lost_showtime, _) = nodes[0].schedule(1).await;
    for (node, seat) in nodes.iter().cycle().zip(&seats[1..7]) {
        sell(node, &showtime, seat).await;
    }
    let clients = [plain_client(&nodes[0], &showtime).await, signalr_client(&nodes[1], &showtime).await];
    for node in &nodes {
        shows(node, &showtime, &[(&seats[1], "Sold"), (&seats[6], "Sold")]).await;
    }

    backup.restore(&stack).await;
    // One seat that was sold in the lost history is sold again through each node, as soon as there is one: nobody may refuse it.
    for (node, seat) in nodes.iter().zip(&seats[1..3]) {
        eventually("a lost sale is no obstacle", HEALED, || async {
            let answer = node.try_reserve(&showtime, std::slice::from_ref(seat), "again").await.unwrap();
            answer.status == 201
        })
        .await;
    }
    let truth = [(&seats[0], "Sold"), (&seats[1], "Reserved"), (&seats[2], "Reserved"), (&seats[6], "Available")];
    for node in &nodes {
        shows(node, &showtime, &truth).await;
        let gone = || async { node.get(&format!("/api/showtimes/{lost_showtime}")).await.status == 404 };
        eventually("a lost showtime is gone", HEALED, gone).await;
    }
    for client in &clients {
        let knows = || async {
            let believed = client.lock().unwrap();
            truth.iter().all(|(seat, status)| believed.get(*seat).is_some_and(|told| told == status))
        };
        eventually("a client that was connected knows the truth", HEALED, knows).await;
    }
    // Past the lost history's last sequence.
    for (node, seat) in nodes.iter().cycle().zip(&seats[7..17]) {
        sell(node, &showtime, seat).await;
    }
    for node in &nodes {
        shows(node, &showtime, &[(&seats[16], "Sold"), (&seats[6], "Available")]).await;
    }
    stack.check().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn check_tells_and_rebuild_mends_what_is_ahead_of_the_journal() {
    let stack = Stack::real(services::shared()).await;
    let node = stack.start();
    let (showtime, seats) = sold_before_and_after(std::slice::from_ref(&node)).await;
    let backup = Backup::of(&stack).await;
    let (lost_showtime, _) = node.schedule(1).await;
    sell(&node, &showtime, &seats[1]).await;
    shows(&node, &showtime, &[(&seats[1], "Sold")]).await;
    assert_eq!(node.terminate().await, Some(0));
    backup.restore(&stack).await;

    let output = stack.run(&["check", "--wait", "0"]).await;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(!output.status.success(), "{said}");
    assert!(said.contains("the read model stands at 5, ahead of the journal, which ends at 3"), "{said}");
    assert!(said.contains(&format!("showtime {lost_showtime}: I5: the read model shows it")), "{said}");
    let output = stack.run(&["rebuild"]).await;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    stack.check().await;
    let node = stack.start();
    shows(&node, &showtime, &[(&seats[0], "Sold"), (&seats[1], "Available")]).await;
    sell(&node, &showtime, &seats[1]).await;
    stack.check().await;
}

/// After the restore another node alone writes a history that is as long as the lost one: nobody is refused on the word of the lost one.
#[tokio::test(flavor = "multi_thread")]
async fn another_history_of_the_same_length_is_noticed() {
    let stack = Stack::real(services::shared()).await;
    let nodes = [stack.start(), stack.start()];
    let (showtime, seats) = sold_before_and_after(&nodes).await;
    let backup = Backup::of(&stack).await;
    for (node, seat) in nodes.iter().cycle().zip(&seats[1..7]) {
        sell(node, &showtime, seat).await;
    }
    for node in &nodes {
        assert_eq!(node.reserve(&showtime, &seats[1..2], "late").await.status, 409, "its actor knows all of it");
        shows(node, &showtime, &[(&seats[1], "Sold"), (&seats[6], "Sold")]).await;
    }

    backup.restore(&stack).await;
    for seat in &seats[7..9] {
        eventually("the store is back", HEALED, || async {
            nodes[1].try_reserve(&showtime, std::slice::from_ref(seat), "again").await.unwrap().status == 201
        })
        .await;
    }
    for seat in &seats[9..14] {
        sell(&nodes[1], &showtime, seat).await;
    }
    // Nothing but the stamp of the last event tells the two histories apart.
    for node in &nodes {
        shows(node, &showtime, &[(&seats[1], "Available"), (&seats[9], "Sold")]).await;
    }
    eventually("a lost sale is no obstacle", HEALED, || async {
        nodes[0].try_reserve(&showtime, &seats[3..4], "again").await.unwrap().status == 201
    })
    .await;
}

/// The nodes sell on at once, so that the new history has outgrown the lost one before anything has been compared.
#[tokio::test(flavor = "multi_thread")]
async fn a_new_history_that_outgrows_the_lost_one_at_once_is_noticed() {
    let stack = Stack::real(services::shared()).await;
    let nodes = [stack.start(), stack.start()];
    let (showtime, seats) = sold_before_and_after(&nodes).await;
    let backup = Backup::of(&stack).await;
    for (node, seat) in nodes.iter().cycle().zip(&seats[1..4]) {
        sell(node, &showtime, seat).await;
    }
    let client = plain_client(&nodes[0], &showtime).await;
    for node in &nodes {
        shows(node, &showtime, &[(&seats[1], "Sold"), (&seats[3], "Sold")]).await;
    }

    backup.restore(&stack).await;
    // Each node has lost its connections.
    for (node, seat) in nodes.iter().zip(&seats[7..9]) {
        eventually("the store is back", HEALED, || async {
            node.try_reserve(&showtime, std::slice::from_ref(seat), "again").await.unwrap().status == 201
        })
        .await;
    }
    for (node, seat) in nodes.iter().cycle().zip(&seats[9..14]) {
        sell(node, &showtime, seat).await;
    }
    let truth = [(&seats[0], "Sold"), (&seats[1], "Available"), (&seats[3], "Available"), (&seats[13], "Sold")];
    for node in &nodes {
        shows(node, &showtime, &truth).await;
    }
    let knows = || async {
        let believed = client.lock().unwrap();
        truth.iter().all(|(seat, status)| believed.get(*seat).is_some_and(|told| told == status))
    };
    eventually("a client that was connected knows the truth", HEALED, knows).await;
    stack.check().await;
}

//! The command line: what stops a start and what does not, in which words, and that nothing shows a secret or creates what it only looks for.

use std::process::{Command, Output, Stdio};

use crate::free_port::free_port;
use crate::stack::Stack;

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[tokio::test(flavor = "multi_thread")]
async fn variables_of_others_do_not_stop_a_start() {
    let stack = Stack::embedded().with("PORT_5000_TCP", "tcp://10.0.0.1:5000").with("IMAGE", "turnstile:1");
    let server = stack.start();
    assert_eq!(server.get("/livez").await.status, 200);
    drop(server);
    let output = stack.run(&["check"]).await;
    let said = said(&output);
    assert!(output.status.success(), "{said}");
    let named = ["TURNSTILE_PORT_5000_TCP", "TURNSTILE_IMAGE"].map(|name| said.matches(name).count());
    assert_eq!(named, [1, 1], "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_configuration_stops_the_start_with_every_mistake_and_no_secret() {
    let stack = Stack::embedded().with("HOLD_SECONDS", "ten");
    std::fs::create_dir(stack.data_dir()).unwrap();
    let file = stack.data_dir().join("turnstile.toml");
    std::fs::write(&file, "[http]\noperator_token = 'hush hush hush hush'\n").unwrap();
    let output = stack.run(&["--config", file.to_str().unwrap()]).await;
    let said = said(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    for part in ["TURNSTILE_HOLD_SECONDS must be a whole number", "http.operator_token in ", "at the top of the file"] {
        assert_eq!(said.matches(part).count(), 1, "{part} in {said}");
    }
    assert!(!said.contains("hush"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_service_address_that_cannot_be_used_shows_its_password() {
    let good = [
        ("POSTGRES_URL", "postgres://u:hush1@127.0.0.1:1/d"),
        ("VALKEY_URL", "redis://u:hush2@127.0.0.1:1"),
        ("RABBITMQ_URL", "amqp://u:hush3@127.0.0.1:1/%2f"),
        ("MONGODB_URL", "mongodb://u:hush4@127.0.0.1:1/d"),
    ];
    for (key, bad) in [
        ("POSTGRES_URL", "postgres://u:hush1@h:port/d"),
        ("POSTGRES_URL", "postgres://u:hush1@h/d?sslmode=perhaps"),
        ("VALKEY_URL", "redis://u:hush2@h:port"),
        ("RABBITMQ_URL", "amqp://u:hush3@h:port/%2f"),
        ("MONGODB_URL", "mongodb://u:hush4@h:port/d"),
        ("MONGODB_URL", "mongodb://u:hush4/@h/d"),
    ] {
        for command in [&["migrate"][..], &["check"], &["dead-letters", "list"]] {
            let stack = good.iter().fold(Stack::embedded(), |stack, (key, url)| stack.with(key, url)).with(key, bad);
            let output = stack.run(command).await;
            let said = said(&output);
            assert!(!output.status.success() && !said.contains("hush"), "{bad} {command:?}: {said}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_of_a_folder_without_data_creates_none_and_fails() {
    let stack = Stack::embedded();
    let output = stack.run(&["check"]).await;
    let said = said(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("there is no data in") && !stack.data_dir().exists(), "{said}");
}

/// Runs a subcommand whose reader goes away after the first byte.
fn cut_short(arguments: &[&str], stack: &Stack) -> (Option<i32>, String) {
    let mut command = stack.command(arguments);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn subcommands_whose_reader_has_gone_end_quietly() {
    let stack = Stack::embedded();
    assert_eq!(stack.run(&["seed"]).await.status.code(), Some(0));
    for arguments in [&["openapi"][..], &["--help"], &["--version"], &["seed"], &["migrate"], &["check"]] {
        let (code, complaint) = cut_short(arguments, &stack);
        assert_eq!((code, complaint.as_str()), (Some(0), ""), "{arguments:?}");
    }
    let whole = Command::new(env!("CARGO_BIN_EXE_turnstile")).arg("openapi").output().unwrap();
    assert!(whole.status.success() && whole.stdout.starts_with(b"{") && whole.stdout.ends_with(b"}\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_goes_on_though_nobody_reads_its_output() {
    let stack = Stack::embedded().with("LOG_FILTER", "debug");
    let port = free_port();
    let mut command = stack.command(&["--listen", &format!("127.0.0.1:{port}")]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop((child.stdout.take(), child.stderr.take()));
    let address = format!("http://127.0.0.1:{port}/readyz");
    crate::stack::eventually("the server is ready", std::time::Duration::from_secs(30), async || {
        reqwest::get(&address).await.is_ok_and(|answer| answer.status() == 200)
    })
    .await;
    assert!(child.try_wait().unwrap().is_none());
    child.kill().unwrap();
    child.wait().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_raises_its_limit_of_open_files() {
    let stack = Stack::embedded();
    let port = free_port();
    let mut command = Command::new("sh");
    command.args(["-c", "ulimit -S -n 100 && exec \"$@\"", "sh", env!("CARGO_BIN_EXE_turnstile")]);
    command.args(["--listen", &format!("127.0.0.1:{port}")]);
    for (key, value) in stack.command(&[]).get_envs() {
        command.env(key, value.unwrap());
    }
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let address = format!("http://127.0.0.1:{port}/livez");
    crate::stack::eventually("the server answers", std::time::Duration::from_secs(30), async || {
        reqwest::get(&address).await.is_ok()
    })
    .await;
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", child.id())).unwrap();
    let line = limits.lines().find(|line| line.starts_with("Max open files")).unwrap();
    let [soft, hard] = [3, 4].map(|column| line.split_whitespace().nth(column).unwrap());
    assert!(soft == hard && soft != "100", "{line}");
    child.kill().unwrap();
    child.wait().unwrap();
}

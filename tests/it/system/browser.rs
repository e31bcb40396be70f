//! A Chromium without a window, driven over WebDriver (JSON over HTTP) by Debian's chromedriver.
//!
//! Seven requests, and no library: thirtyfour adds operators to `String` that break type inference in other tests, and fantoccini brings
//! a second set of Unicode tables.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::stack::eventually;

/// Longest wait for anything that a page should show.
const PATIENCE: Duration = Duration::from_secs(30);
/// Member of an answer that names an element (WebDriver, section 12).
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// An open browser; closed when dropped.
pub struct Browser {
    driver: Child,
    client: reqwest::Client,
    session: String,
}

impl Browser {
    pub async fn open() -> Self {
        let mut driver = Command::new("/usr/bin/chromedriver")
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("chromedriver is installed");
        let mut lines = BufReader::new(driver.stdout.take().unwrap()).lines();
        let port = loop {
            let line = lines.next().expect("chromedriver starts").unwrap();
            if let Some((_, port)) = line.split_once("started successfully on port ") {
                break port.trim_end_matches('.').to_owned();
            }
        };
        std::thread::spawn(move || lines.for_each(drop));
        let mut browser =
            Self { driver, client: reqwest::Client::new(), session: format!("http://127.0.0.1:{port}/session") };
        let arguments =
            ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--window-size=1400,1000"];
        let options = json!({ "browserName": "chrome", "goog:chromeOptions": { "args": arguments } });
        let opened = browser.command("", json!({ "capabilities": { "alwaysMatch": options } })).await;
        browser.session = format!("{}/{}", browser.session, opened["sessionId"].as_str().unwrap());
        browser
    }

    /// Carries out a command of WebDriver; its failure fails the test.
    async fn command(&self, path: &str, parameters: Value) -> Value {
        self.answer(self.client.post(format!("{}{path}", self.session)).json(&parameters)).await
    }

    async fn answer(&self, request: reqwest::RequestBuilder) -> Value {
        let answer = Self::try_answer(request).await;
        answer.unwrap_or_else(|error| panic!("{error}"))
    }

    /// The error is what the driver says.
    async fn try_answer(request: reqwest::RequestBuilder) -> Result<Value, Value> {
        let value = request.send().await.unwrap().json::<Value>().await.unwrap()["value"].take();
        if value["error"].is_null() { Ok(value) } else { Err(value) }
    }

    /// Closes the browser. Without a runtime, for [`Drop`].
    fn delete_session(&self) -> std::io::Result<()> {
        let (address, path) = self.session.trim_start_matches("http://").split_once('/').unwrap_or_default();
        let mut connection = TcpStream::connect(address)?;
        connection.set_read_timeout(Some(Duration::from_secs(10)))?;
        write!(connection, "DELETE /{path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n")?;
        connection.read_to_end(&mut Vec::new()).map(|_| ())
    }

    /// Opens an address.
    pub async fn go(&self, url: &str) {
        self.command("/url", json!({ "url": url })).await;
    }

    pub async fn reload(&self) {
        self.command("/refresh", json!({})).await;
    }

    /// What a script returns.
    pub async fn script(&self, script: &str) -> Value {
        self.command("/execute/sync", json!({ "script": script, "args": [] })).await
    }

    /// Polls a JavaScript expression until it is true. It is not while something that it names is not there.
    pub async fn until(&self, what: &str, expression: &str) {
        let look = format!(
            "try {{ return Boolean({expression}) }} catch (error) {{ \
               if (['TypeError', 'ReferenceError'].includes(error.name)) return false; throw error }}"
        );
        eventually(what, PATIENCE, || async { self.script(&look).await == true }).await;
    }

    /// Waits until the element with this id shows this text.
    pub async fn says(&self, id: &str, text: &str) {
        let shows = format!("document.getElementById('{id}').innerText.includes({})", json!(text));
        self.until(&format!("{id} says {text:?}"), &shows).await;
    }

    /// Clicks as a hand does, until the click reaches the element: a page may draw it anew, move it or have it disabled in that very moment.
    /// One that stays covered or out of sight fails the test.
    pub async fn click(&self, selector: &str) {
        let end = Instant::now() + PATIENCE;
        while let Err(why) = self.try_click(selector).await {
            assert!(Instant::now() < end, "{selector} cannot be clicked: {why}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    async fn try_click(&self, selector: &str) -> Result<(), Value> {
        let listen = "window.reached = false; found?.addEventListener('click', () => { window.reached = true; }, { capture: true, once: true })";
        let path = format!("{}/click", self.find(selector, listen).await?);
        Self::try_answer(self.client.post(path).json(&json!({}))).await?;
        // A page that the click has opened knows nothing of it.
        if self.script("return window.reached !== false").await == true {
            Ok(())
        } else {
            Err(json!("the click does not reach it"))
        }
    }

    /// The driver's address of an element, which a script has as `found`.
    async fn find(&self, selector: &str, script: &str) -> Result<String, Value> {
        let script = format!("const found = document.querySelector({}); {script}; return found", json!(selector));
        let found = self.script(&script).await;
        let id = found[ELEMENT].as_str().ok_or_else(|| json!("it is not there"))?;
        Ok(format!("{}/element/{id}", self.session))
    }

    /// Presses and releases a key, by its name in the browser's own protocol.
    pub async fn press(&self, key: &str) {
        let code = match key {
            "Tab" => 9,
            "Enter" => 13,
            " " => 32,
            "ArrowLeft" => 37,
            "ArrowUp" => 38,
            "ArrowRight" => 39,
            "ArrowDown" => 40,
            other => panic!("the key {other:?} has no code here"),
        };
        let text = match key {
            "Enter" => "\r",
            " " => " ",
            _ => "",
        };
        let pressed = json!({ "type": if text.is_empty() { "rawKeyDown" } else { "keyDown" }, "key": key, "code": key,
            "windowsVirtualKeyCode": code, "text": text });
        self.tell("Input.dispatchKeyEvent", pressed).await;
        let released = json!({ "type": "keyUp", "key": key, "code": key, "windowsVirtualKeyCode": code });
        self.tell("Input.dispatchKeyEvent", released).await;
    }

    /// Moves the mouse along points with its button pressed: one point is a click.
    pub async fn drag(&self, points: &[(f64, f64)]) {
        let event = |kind: &str, (x, y): (f64, f64)| json!({ "type": kind, "x": x, "y": y, "button": "left", "buttons": 1, "clickCount": 1 });
        let (first, last) = (*points.first().unwrap(), *points.last().unwrap());
        self.tell("Input.dispatchMouseEvent", event("mousePressed", first)).await;
        for point in points.iter().skip(1) {
            self.tell("Input.dispatchMouseEvent", event("mouseMoved", *point)).await;
        }
        self.tell("Input.dispatchMouseEvent", event("mouseReleased", last)).await;
    }

    /// Moves fingers: the first step has where they are put down, each further one where they go; after the last they are lifted.
    pub async fn touch(&self, steps: &[&[(f64, f64)]]) {
        for (number, fingers) in steps.iter().enumerate() {
            let kind = if number == 0 { "touchStart" } else { "touchMove" };
            let points: Vec<Value> =
                fingers.iter().enumerate().map(|(id, (x, y))| json!({ "x": x, "y": y, "id": id })).collect();
            self.tell("Input.dispatchTouchEvent", json!({ "type": kind, "touchPoints": points })).await;
        }
        self.tell("Input.dispatchTouchEvent", json!({ "type": "touchEnd", "touchPoints": [] })).await;
    }

    /// Takes the device's connection away, or gives it back.
    pub async fn offline(&self, is: bool) {
        let conditions = json!({ "offline": is, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1 });
        self.tell("Network.emulateNetworkConditions", conditions).await;
    }

    /// The server gets the page's next `count` requests of this method, and the page no answer to them.
    pub async fn lose_answers(&self, method: &str, count: u32) {
        let script = format!(
            "window.realFetch ??= window.fetch; window.lost = {count}; \
             window.fetch = async (path, given) => {{ \
               const answer = await window.realFetch(path, given); \
               if (given?.method === '{method}' && window.lost > 0) {{ window.lost -= 1; throw new TypeError('lost'); }} \
               return answer; }}"
        );
        self.script(&script).await;
    }

    /// Has media features such as `prefers-color-scheme` with these values.
    pub async fn media(&self, features: &[(&str, &str)]) {
        let features: Vec<Value> =
            features.iter().map(|(name, value)| json!({ "name": name, "value": value })).collect();
        self.tell("Emulation.setEmulatedMedia", json!({ "features": features })).await;
    }

    /// Fails if axe-core finds anything serious on the page, in either colour scheme.
    pub async fn is_accessible(&self) {
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/node/node_modules/axe-core/axe.min.js");
        let source = std::fs::read_to_string(source).expect("`npm ci` was run in tests/it/node");
        self.script(&source).await;
        for scheme in ["light", "dark"] {
            self.media(&[("prefers-color-scheme", scheme)]).await;
            self.script("window.found = null; axe.run().then((found) => { window.found = found.violations; })").await;
            self.until("axe-core has looked", "window.found !== null").await;
            let serious = self
                .script(
                    "return found.filter(({ impact }) => ['serious', 'critical'].includes(impact)) \
                     .map(({ id, nodes }) => id + ': ' + nodes.map(({ target, html }) => target.join(' ') + ' ' + html).join('; '))",
                )
                .await;
            assert_eq!(serious, json!([]), "{scheme}");
        }
    }

    /// Writes into a field instead of what stands there, and leaves it as a person does.
    pub async fn write(&self, selector: &str, text: &str) {
        let end = Instant::now() + PATIENCE;
        while let Err(why) = self.try_write(selector, text).await {
            assert!(Instant::now() < end, "nobody can write into {selector}: {why}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        self.script("document.activeElement.blur()").await;
    }

    async fn try_write(&self, selector: &str, text: &str) -> Result<Value, Value> {
        let empty = "if (found) { found.focus(); found.value = ''; found.select?.() }";
        let path = format!("{}/value", self.find(selector, empty).await?);
        Self::try_answer(self.client.post(path).json(&json!({ "text": text }))).await
    }

    /// A command of the browser's own protocol for developers.
    pub async fn tell(&self, command: &str, parameters: Value) {
        self.command("/goog/cdp/execute", json!({ "cmd": command, "params": parameters })).await;
    }

    /// The tab that commands go to.
    pub async fn tab(&self) -> Value {
        self.answer(self.client.get(format!("{}/window", self.session))).await
    }

    /// Opens a further tab.
    pub async fn new_tab(&self) -> Value {
        self.command("/window/new", json!({ "type": "tab" })).await["handle"].take()
    }

    /// Has commands go to this tab.
    pub async fn turn_to(&self, tab: &Value) {
        self.command("/window", json!({ "handle": tab })).await;
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // A chromedriver that ends by a signal leaves its browser behind; one whose session is deleted closes it.
        let _closed = self.delete_session();
        let _killed = self.driver.kill();
        let _waited = self.driver.wait();
    }
}

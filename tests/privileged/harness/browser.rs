//! A real browser, told what to do over WebDriver: Chromium without a window.

use serde_json::{Value, json};
use tempfile::TempDir;

use super::client::Client;
use super::netns::Netns;
use super::process::Background;
use super::wait::{PATIENCE, await_until};

/// The address of its driver, in a namespace of its own.
const DRIVER: &str = "127.0.0.1:9515";

/// A window of a browser that runs in a namespace.
pub(crate) struct Browser {
    namespace: Netns,
    session: String,
    // Dropped, and so ended, in this order.
    _driver: Background,
    _profile: TempDir,
}

impl Browser {
    /// Starts a browser whose window has this size.
    pub(crate) fn start(namespace: &Netns, [width, height]: [u32; 2]) -> Self {
        let profile = TempDir::new().expect("cannot make a directory");
        // The browser ends with its driver, also when a test fails: it is in a
        // process namespace whose first process is the driver.
        let mut command = namespace.command("unshare");
        command
            .args(["--fork", "--pid", "--kill-child", "--mount-proc"])
            .args(["chromedriver", "--port=9515"])
            .env("HOME", profile.path());
        let mut driver = Background::start("chromedriver", &mut command);
        driver.await_line("ready driver", 0, PATIENCE, |line| {
            line.contains("started successfully").then_some(())
        });
        let arguments = [
            "--headless=new".to_owned(),
            // It is root, in a namespace without other users.
            "--no-sandbox".into(),
            "--disable-gpu".into(),
            "--disable-dev-shm-usage".into(),
            "--no-first-run".into(),
            "--lang=en".into(),
            format!("--window-size={width},{height}"),
            format!("--user-data-dir={}", profile.path().display()),
        ];
        let mut browser = Self {
            namespace: namespace.clone(),
            session: String::new(),
            _driver: driver,
            _profile: profile,
        };
        let answer = browser.ask(
            "POST",
            "/session",
            &json!({"capabilities": {"alwaysMatch": {
                "goog:chromeOptions": {"args": arguments},
                "goog:loggingPrefs": {"browser": "ALL"},
            }}}),
        );
        let session = answer["sessionId"].as_str().expect("a session");
        browser.session = format!("/session/{session}");
        browser
    }

    /// Asks the driver for something, and returns the value of the answer.
    fn ask(&self, method: &str, path: &str, body: &Value) -> Value {
        let address = DRIVER.parse().expect("an address");
        let mut client = self.namespace.run(|| Client::connect(address));
        let limit = Some(2 * PATIENCE);
        client.stream.set_read_timeout(limit).expect("not zero");
        let body = match method {
            "GET" => String::new(),
            _ => body.to_string(),
        };
        let length = body.len();
        let path = format!("{}{path}", self.session);
        client.send(&format!(
            "{method} {path} HTTP/1.1\r\nHost: {DRIVER}\r\n\
             Content-Type: application/json\r\nContent-Length: {length}\r\n\
             Connection: close\r\n\r\n{body}"
        ));
        let (head, body) = client.answer().expect("the driver answers");
        let answer: Value = serde_json::from_slice(&body).expect("JSON");
        assert!(head.starts_with("HTTP/1.1 200"), "{path}: {answer}");
        answer["value"].clone()
    }

    /// Opens an address and waits until it is loaded.
    pub(crate) fn open(&self, address: &str) {
        self.ask("POST", "/url", &json!({ "url": address }));
    }

    /// Runs a script in the page, the body of a function, and returns its
    /// result.
    pub(crate) fn run(&self, script: &str) -> Value {
        let script = json!({ "script": script, "args": [] });
        self.ask("POST", "/execute/sync", &script)
    }

    /// Waits until a script returns something that is not false, null or
    /// nothing, and returns it.
    pub(crate) fn await_script(&self, what: &str, script: &str) -> Value {
        await_until(PATIENCE, what, || match self.run(script) {
            Value::Null | Value::Bool(false) => Err("nothing".into()),
            found => Ok(found),
        })
    }

    /// Returns the messages of pages on the console since the last call. The
    /// browser's own pages have some, too.
    pub(crate) fn console(&self) -> Vec<String> {
        let kind = json!({ "type": "browser" });
        let messages = self.ask("POST", "/se/log", &kind);
        let messages = messages.as_array().cloned().unwrap_or_default();
        let text = |message: &Value| {
            let text = message["message"].as_str();
            text.unwrap_or_default().to_owned()
        };
        let messages = messages.iter().map(text);
        messages.filter(|text| !text.starts_with("chrome://")).collect()
    }
}

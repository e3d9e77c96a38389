//! Chromium without a window, told what to do by WebDriver.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use crate::http::{self, Answer};

/// A browser with one window of the size of a phone's; it ends when dropped.
pub(crate) struct Browser {
    driver: Child,
    address: String,
    session: String,
}

/// Returns the source of axe-core, where npm has put it for everybody.
pub(crate) fn axe() -> Option<String> {
    let places = ["/usr/local/lib/node_modules", "/usr/lib/node_modules"];
    let source =
        places.iter().find_map(|place| fs::read_to_string(format!("{place}/axe-core/axe.min.js")).ok());
    if source.is_none() {
        testkit::skipped("axe-core is not installed (npm install -g axe-core)");
    }
    source
}

impl Browser {
    /// Starts it, where Chromium and its driver are installed.
    pub(crate) fn start() -> Option<Self> {
        if !testkit::all_installed(&["chromium", "chromedriver"]) {
            return None;
        }
        // The system gives it a port, which it tells once it listens there.
        let mut driver = Command::new("chromedriver")
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let said = BufReader::new(driver.stdout.take().unwrap());
        let (lines, told) = std::sync::mpsc::channel();
        // What it says later is read too, so that it never waits for a reader.
        std::thread::spawn(move || {
            said.lines().map_while(Result::ok).for_each(|line| drop(lines.send(line)));
        });
        let next = || told.recv_timeout(Duration::from_secs(60)).expect("the driver does not start");
        let line = std::iter::repeat_with(next).find(|line| line.contains("started successfully on port "));
        let line = line.unwrap();
        let port = line.rsplit(' ').next().unwrap().trim_end().trim_end_matches('.');
        let address = format!("127.0.0.1:{port}");
        let mut browser = Self { driver, address, session: String::new() };
        let arguments = ["--headless=new", "--no-sandbox", "--disable-gpu", "--window-size=400,800"];
        let capabilities = json!({ "capabilities": { "alwaysMatch": {
            "browserName": "chrome",
            "timeouts": { "script": 240_000 },
            "goog:chromeOptions": { "binary": "/usr/bin/chromium", "args": arguments },
            "goog:loggingPrefs": { "browser": "ALL" },
        } } });
        let made = browser.call("POST", "/session", &capabilities);
        browser.session = format!("/session/{}", made["sessionId"].as_str().unwrap());
        Some(browser)
    }

    #[track_caller]
    fn call(&self, method: &str, path: &str, body: &Value) -> Value {
        let body = if method == "POST" { body.to_string() } else { String::new() };
        let path = format!("{}{path}", self.session);
        let answer = send(&self.address, method, &path, &body);
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.document()["value"].clone()
    }

    /// Opens a page, in the colours of the day or of the night, on a window 360 pixels wide.
    pub(crate) fn open(&mut self, address: &str, is_dark: bool) {
        let scheme = if is_dark { "dark" } else { "light" };
        let media = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
        let size = json!({ "width": 360, "height": 740, "deviceScaleFactor": 1, "mobile": true });
        for (command, parameters) in
            [("Emulation.setEmulatedMedia", media), ("Emulation.setDeviceMetricsOverride", size)]
        {
            let call = json!({ "cmd": command, "params": parameters });
            let _ = self.call("POST", "/goog/cdp/execute", &call);
        }
        let _ = self.call("POST", "/url", &json!({ "url": address }));
    }

    /// Runs a script in the page, and returns what it returns.
    #[track_caller]
    pub(crate) fn run(&self, script: &str) -> Value {
        self.call("POST", "/execute/sync", &json!({ "script": script, "args": [] }))
    }

    /// Returns what axe-core finds in the page that is serious or worse.
    #[track_caller]
    pub(crate) fn violations(&self, axe: &str) -> Vec<String> {
        let script = format!(
            "{axe}; const done = arguments[0]; axe.run().then(found => done(found.violations.map(\
             of => of.impact + ' ' + of.id + ': ' + of.nodes.map(node => node.html).join(' '))), error => done(['failed ' + error]));"
        );
        let found = self.call("POST", "/execute/async", &json!({ "script": script, "args": [] }));
        let found = found.as_array().unwrap().iter().map(|of| of.as_str().unwrap().to_owned());
        found.filter(|of| !of.starts_with("minor") && !of.starts_with("moderate")).collect()
    }

    /// Returns what the browser complained of since it was last asked: what the policy blocked, what was not found, errors of scripts.
    pub(crate) fn problems(&self) -> Vec<Value> {
        self.call("POST", "/se/log", &json!({ "type": "browser" })).as_array().unwrap().clone()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        if !self.session.is_empty() {
            let _ = send(&self.address, "DELETE", &self.session, "");
        }
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

/// Sends a request to the driver, which leaves connections open, whatever it is asked for.
fn send(address: &str, method: &str, path: &str, body: &str) -> Answer {
    let connection = TcpStream::connect(address).unwrap();
    connection.set_read_timeout(Some(Duration::from_secs(300))).unwrap();
    let mut connection = BufReader::new(connection);
    let length = body.len();
    write!(
        connection.get_mut(),
        "{method} {path} HTTP/1.1\r\nHost: {address}\r\nContent-Length: {length}\r\n\r\n{body}"
    )
    .unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        assert_ne!(connection.read_until(b'\n', &mut answer).unwrap(), 0, "the driver has ended");
    }
    let head = String::from_utf8_lossy(&answer).to_lowercase();
    let length = head.split("content-length:").nth(1).and_then(|rest| rest.lines().next()).unwrap().trim();
    let mut body = vec![0; length.parse().unwrap()];
    connection.read_exact(&mut body).unwrap();
    answer.extend(body);
    http::read_answer(&answer)
}

//! A headless Chromium, driven over its DevTools protocol by a pair of pipes (`--remote-debugging-pipe`): nothing listens.
//!
//! Messages are JSON, ended by a zero byte; Chromium reads them from descriptor 3 and writes them to 4
//! (`content/browser/devtools/devtools_pipe_handler.cc`). It ends when the pipe does.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::XtaskError;

/// Names that Chromium goes by, the smallest first.
const NAMES: [&str; 4] = ["chromium-headless-shell", "chromium", "google-chrome", "chromium-browser"];
/// How long one answer may take; a page of ten thousand cases takes a few seconds on a busy host.
const PATIENCE: Duration = Duration::from_secs(120);

/// A running browser with one page.
pub struct Browser {
    child: Child,
    to: ChildStdin,
    from: Receiver<Value>,
    session: Option<String>,
    last_id: u64,
    /// What the page reported and nobody has taken yet.
    events: Vec<Value>,
}

impl Browser {
    /// Starts the first Chromium on PATH with an empty profile below `scratch`.
    ///
    /// # Errors
    ///
    /// [`XtaskError`] where there is none, or it does not answer.
    pub fn start(scratch: &Path) -> Result<Browser, XtaskError> {
        let program = found().ok_or_else(|| {
            XtaskError(format!("no browser on PATH: looked for {}; ci/install-debian --with-browser", NAMES.join(", ")))
        })?;
        let profile = format!("--user-data-dir={}", scratch.display());
        let mut command = Command::new("sh");
        // the shell puts our pipes where Chromium looks for them
        command.args(["-c", "exec \"$@\" 3<&0 4>&1 </dev/null >/dev/null", "sh"]).arg(&program);
        command.args(["--headless", "--remote-debugging-pipe", "--no-first-run", "--disable-gpu", "--hide-scrollbars"]);
        command.args(["--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage"]);
        command.arg(profile).env("HOME", scratch).env("TMPDIR", scratch);
        if std::fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0) {
            command.arg("--no-sandbox"); // Chromium refuses root otherwise; the page is our own and fetches nothing
        }
        command.arg("about:blank").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let problem = |error: &dyn std::fmt::Display| XtaskError(format!("cannot run {}: {error}", program.display()));
        let mut child = command.spawn().map_err(|error| problem(&error))?;
        let (Some(to), Some(from)) = (child.stdin.take(), child.stdout.take()) else { return Err(problem(&"no pipe")) };
        let (sender, receiver) = channel();
        std::thread::spawn(move || {
            let mut from = BufReader::new(from);
            let mut message = Vec::new();
            while from.read_until(0, &mut message).is_ok_and(|count| count > 0) {
                message.pop();
                let Ok(value) = serde_json::from_slice(&message) else { break };
                if sender.send(value).is_err() {
                    break;
                }
                message.clear();
            }
        });
        let mut browser = Browser { child, to, from: receiver, session: None, last_id: 0, events: Vec::new() };
        let page = browser.call("Target.createTarget", json!({ "url": "about:blank" }))?;
        let attached = json!({ "targetId": page["targetId"], "flatten": true });
        let session = browser.call("Target.attachToTarget", attached)?;
        browser.session = session["sessionId"].as_str().map(str::to_owned);
        for domain in ["Page", "Runtime", "Log", "Network"] {
            browser.call(&format!("{domain}.enable"), json!({}))?;
        }
        Ok(browser)
    }

    /// Sends a command and waits for its answer.
    ///
    /// # Errors
    ///
    /// [`XtaskError`] where the browser refuses it, ends, or does not answer in two minutes.
    pub fn call(&mut self, method: &str, params: Value) -> Result<Value, XtaskError> {
        self.last_id += 1;
        let id = self.last_id;
        let mut message = json!({ "id": id, "method": method, "params": params });
        if let Some(session) = &self.session {
            message["sessionId"] = json!(session);
        }
        let sent = self.to.write_all(format!("{message}\0").as_bytes()).and_then(|()| self.to.flush());
        sent.map_err(|error| XtaskError(format!("the browser ended before {method}: {error}")))?;
        let deadline = Instant::now() + PATIENCE;
        loop {
            let mut answer = self.next(method, deadline)?;
            if answer["id"].as_u64() != Some(id) {
                self.events.push(answer);
                continue;
            }
            return match answer.get("error") {
                Some(error) => Err(XtaskError(format!("the browser refused {method}: {error}"))),
                None => Ok(answer["result"].take()),
            };
        }
    }

    /// Waits for an event of this name; whatever comes before it is kept.
    fn await_event(&mut self, name: &str) -> Result<(), XtaskError> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(place) = self.events.iter().position(|event| event["method"] == name) {
                self.events.remove(place);
                return Ok(());
            }
            let event = self.next(name, deadline)?;
            self.events.push(event);
        }
    }

    fn next(&mut self, what: &str, deadline: Instant) -> Result<Value, XtaskError> {
        let left = deadline.saturating_duration_since(Instant::now());
        self.from.recv_timeout(left).map_err(|error| {
            let what = match error {
                RecvTimeoutError::Timeout => format!("the browser gave no {what} in {} s", PATIENCE.as_secs()),
                RecvTimeoutError::Disconnected => format!("the browser ended before {what}"),
            };
            XtaskError(what)
        })
    }

    /// Opens a file at a window's size; how long it took until two frames were drawn after it had loaded.
    ///
    /// # Errors
    ///
    /// As [`Browser::call`].
    pub fn open(&mut self, file: &Path, (width, height): (u32, u32)) -> Result<Duration, XtaskError> {
        let size = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        self.call("Emulation.setDeviceMetricsOverride", size)?;
        self.call("Page.navigate", json!({ "url": "about:blank" }))?;
        self.await_event("Page.loadEventFired")?;
        let begun = Instant::now();
        let gone = self.call("Page.navigate", json!({ "url": address(file) }))?;
        if let Some(text) = gone["errorText"].as_str() {
            return Err(XtaskError(format!("{} does not open: {text}", file.display())));
        }
        self.await_event("Page.loadEventFired")?;
        self.run("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done(1))))")?;
        Ok(begun.elapsed())
    }

    /// The value of an expression in the page; a promise is waited for.
    ///
    /// # Errors
    ///
    /// As [`Browser::call`], and where the expression throws.
    pub fn run(&mut self, script: &str) -> Result<Value, XtaskError> {
        let asked = json!({ "expression": script, "returnByValue": true, "awaitPromise": true });
        let mut answer = self.call("Runtime.evaluate", asked)?;
        match answer.get("exceptionDetails") {
            Some(thrown) => Err(XtaskError(format!("the page threw at {script}: {thrown}"))),
            None => Ok(answer["result"]["value"].take()),
        }
    }

    /// What is seen of the page, as PNG.
    ///
    /// # Errors
    ///
    /// As [`Browser::call`].
    pub fn picture(&mut self) -> Result<Vec<u8>, XtaskError> {
        use base64::Engine;
        let shot = self.call("Page.captureScreenshot", json!({ "format": "png" }))?;
        let bytes = base64::engine::general_purpose::STANDARD.decode(shot["data"].as_str().unwrap_or_default());
        bytes.map_err(|error| XtaskError(format!("the browser's picture: {error}")))
    }

    /// Errors on the console, exceptions, and requests for anything but files, since they were last asked for.
    pub fn faults(&mut self) -> Vec<String> {
        std::mem::take(&mut self.events).iter().filter_map(fault).collect()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // it would end with the pipe; but it must not outlive us, whatever it does
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn fault(event: &Value) -> Option<String> {
    let params = &event["params"];
    match event["method"].as_str()? {
        "Runtime.exceptionThrown" => Some(format!("exception: {}", params["exceptionDetails"])),
        "Runtime.consoleAPICalled" if matches!(params["type"].as_str(), Some("error" | "assert")) => {
            Some(format!("console: {}", params["args"]))
        }
        "Log.entryAdded" if params["entry"]["level"] == "error" => Some(format!("log: {}", params["entry"]["text"])),
        "Network.requestWillBeSent" => {
            let url = params["request"]["url"].as_str().unwrap_or_default();
            let inside = ["file:", "about:", "data:"].iter().any(|scheme| url.starts_with(scheme));
            (!inside).then(|| format!("request outside: {url}"))
        }
        _ => None,
    }
}

fn found() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let places: Vec<PathBuf> = std::env::split_paths(&path).collect();
    NAMES.iter().find_map(|name| places.iter().map(|place| place.join(name)).find(|program| program.is_file()))
}

/// A path as a URL, RFC 8089.
fn address(file: &Path) -> String {
    use std::os::unix::ffi::OsStrExt;
    let mut url = "file://".to_owned();
    for &byte in file.as_os_str().as_bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            url.push(byte.into());
        } else {
            url += &format!("%{byte:02X}");
        }
    }
    url
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_outside_an_exception_and_an_error_are_faults_and_a_file_is_none() {
        let request =
            |url: &str| json!({ "method": "Network.requestWillBeSent", "params": { "request": { "url": url } } });
        assert_eq!(
            fault(&request("https://example.org/x.js")).as_deref(),
            Some("request outside: https://example.org/x.js")
        );
        assert_eq!(fault(&request("file:///index.html")), None);
        assert!(fault(&json!({ "method": "Runtime.exceptionThrown", "params": {} })).is_some());
        let said =
            |level: &str| json!({ "method": "Log.entryAdded", "params": { "entry": { "level": level, "text": "x" } } });
        assert!(fault(&said("error")).is_some() && fault(&said("info")).is_none());
    }

    #[test]
    fn a_path_is_an_address_whatever_it_is_made_of() {
        assert_eq!(address(Path::new("/a b/c#d/é.html")), "file:///a%20b/c%23d/%C3%A9.html");
    }
}

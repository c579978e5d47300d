//! Runs a machine without devices to find points in its memory, and to save its state at one of them.

use std::fs;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::key::Key;
use super::point::{Point, points};
use super::stream::make_running;
use crate::digest;
use crate::evidence::{Recorder, Source};
use crate::machine::Machine;
use crate::machine::argv::{Files, Wiring, argv};
use crate::machine::layout::Layout;
use crate::platform::Platform;
use crate::process::Command;
use crate::run::{Base, RunError};
use crate::vm::gdb::Gdb;
use crate::vm::{Ports, REPLY_TIMEOUT, Vm};

/// Host time for the machine to come to its boot manager, or to a point before that; generous as every deadline is.
const PATIENCE: Duration = Duration::from_secs(120);

/// Bytes that a state may have besides the guest's memory.
const STATE_SPARE: u64 = 64 << 20;

/// A machine without devices, and the folder that it runs in.
pub struct Capture<'a> {
    /// The machine.
    pub machine: &'a Machine,
    /// What it runs on.
    pub platform: &'a Platform,
    /// Where its files go.
    pub folder: PathBuf,
}

impl Capture<'_> {
    /// The points in the memory of a machine that has come to its boot manager, the latest first.
    ///
    /// # Errors
    ///
    /// What the machine or the host did instead.
    pub fn points(&self) -> Result<Vec<Point>, RunError> {
        let (vm, recorder) = self.power_on(None)?;
        // OVMF's console is connected by its boot manager
        let deadline = Instant::now() + PATIENCE;
        while recorder.stream_len(Source::Serial) == 0 {
            recorder.since(recorder.cursor(), Instant::now() + Duration::from_millis(100));
            if Instant::now() >= deadline || vm.exit(Duration::ZERO).is_some() {
                return Err(RunError::new("the machine of the base printed nothing on its serial port"));
            }
        }
        vm.execute("stop", Value::Null)?;
        let file = self.folder.join("memory");
        let size = u64::from(self.machine.ram_mib_or_default()) << 20;
        vm.execute("pmemsave", json!({ "val": 0, "size": size, "filename": file }))?;
        drop(vm);
        let ram = fs::read(&file).map_err(RunError::file("read", &file))?;
        fs::remove_file(&file).ok();
        Ok(points(&ram))
    }

    /// The machine's state at a point, as a base that nothing is proven of.
    ///
    /// # Errors
    ///
    /// That it does not come there, or that its state cannot be saved.
    pub fn stopped_at(&self, point: &Point, key: &Key) -> Result<Base, RunError> {
        let (near, far) = UnixStream::pair().map_err(|error| RunError::because("cannot make a socket pair", error))?;
        let (vm, recorder) = self.power_on(Some(far.into()))?;
        let run = Gdb::new(near.try_clone().map_err(|error| RunError::because("cannot copy a socket", error))?)
            .run_to(point.address, PATIENCE);
        run.map_err(|error| RunError::because(format!("the machine did not stop at its {}", point.name), error))?;
        self.saved(&vm, &recorder, point.name, key)
    }

    /// The state of a machine that a debugger has stopped.
    pub(super) fn saved(&self, vm: &Vm, recorder: &Recorder, point: &str, key: &Key) -> Result<Base, RunError> {
        let state = self.folder.join("state");
        fs::remove_file(&state).ok();
        let saved = vm.save_state(&state, self.platform.qemu.version, PATIENCE);
        saved.map_err(|error| RunError::because("the state of the base was not saved", error))?;
        vm.wait_until_drained(REPLY_TIMEOUT);
        let most = (u64::from(self.machine.ram_mib_or_default()) << 20) + STATE_SPARE;
        let bytes = fs::metadata(&state).map_err(RunError::file("read", &state))?.len();
        if bytes > most {
            return Err(RunError::new(format!("the state has {bytes} bytes, at most {most} make sense")));
        }
        let mut bytes = fs::read(&state).map_err(RunError::file("read", &state))?;
        make_running(&mut bytes).map_err(RunError::new)?;
        fs::write(&state, &bytes).map_err(RunError::file("write", &state))?;
        Ok(Base {
            key: key.digest(),
            point: point.to_owned(),
            state,
            sha256: digest::sha256(&bytes),
            vars_sha256: key.vars_sha256.clone(),
            serial: recorder.stream(Source::Serial),
            debug_console: recorder.stream(Source::DebugConsole),
        })
    }

    /// Powers the machine on, stopped where a debugger is to begin.
    pub(super) fn power_on(&self, debugger: Option<OwnedFd>) -> Result<(Vm, Recorder), RunError> {
        let ovmf = self.platform.ovmf.as_ref().ok_or_else(|| RunError::new("the platform has no OVMF"))?;
        let mut machine = self.machine.clone();
        machine.paused = debugger.is_some();
        let layout = Layout::of(&machine).map_err(|error| RunError::because("the base cannot be laid out", error))?;
        let vars = self.folder.join("vars.fd");
        let template = fs::read(&ovmf.vars.path).map_err(RunError::file("read", &ovmf.vars.path))?;
        fs::write(&vars, template).map_err(RunError::file("write", &vars))?;
        let qemu = &self.platform.qemu;
        let files = Files {
            code: Some(ovmf.code.path.clone()),
            vars: Some(vars),
            data_dirs: qemu.data_dirs.clone(),
            ..Files::default()
        };
        let number = debugger.as_ref().map(AsRawFd::as_raw_fd);
        let ports = Ports::new(Vec::new(), debugger.into_iter().collect())?;
        let (qmp, debugcon, _) = ports.numbers();
        let serial = ports.serial().to_owned();
        let wiring = Wiring::Harness {
            qmp,
            serial,
            debugcon,
            nics: Vec::new(),
            sandbox: qemu.sandbox,
            incoming: false,
            tpm: None,
        };
        let mut start = Command::new(qemu.command.first().cloned().unwrap_or_default());
        start.args(qemu.command.iter().skip(1)).args(argv(&machine, &layout, &files, &wiring));
        if let Some(number) = number {
            start.args(["-chardev", &format!("socket,id=gdb,fd={number}"), "-gdb", "chardev:gdb"]);
        }
        start.envs(qemu.env.clone()).directory(&self.folder);
        let recorder = Recorder::new();
        let vm = Vm::power_on(&start, ports, recorder.clone(), REPLY_TIMEOUT)?;
        Ok((vm, recorder))
    }
}

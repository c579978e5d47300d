//! A case's timeline as a picture: what firmware printed, what it tried, the network and the monitor, over host time.
//!
//! It is drawn from `timeline.jsonl` of the evidence as inline SVG, without a script. Times in which nothing was seen are
//! squeezed, so that a deadline of two minutes does not push everything else into one line.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use maud::{Markup, html};
use serde_json::Value;

use super::printable;

/// Most bytes of a timeline that are read; firmware that floods its port says nothing new behind them.
const MOST_BYTES: u64 = 16 << 20;
/// Most marks of one lane.
const MOST_MARKS: usize = 400;
/// Most packets that are listed below the picture.
const MOST_PACKETS: usize = 60;
/// Longest line of firmware that is looked at, in bytes.
const LONGEST_LINE: usize = 4096;
/// Where the lanes begin and end, in units of the picture.
const LEFT: f64 = 86.0;
const RIGHT: f64 = 950.0;
/// How wide a silence is drawn at most, of the whole.
const SILENCE: f64 = 0.12;
const LANES: [&str; 4] = ["firmware", "attempts", "network", "monitor"];
const LANE_HEIGHT: usize = 26;

/// What was seen in one lane: from when until when, in seconds, and what.
#[derive(Debug, PartialEq)]
struct Mark {
    from: f64,
    to: f64,
    text: String,
}

#[derive(Debug, Default)]
struct Timeline {
    lanes: [Vec<Mark>; 4],
    packets: Vec<(f64, String)>,
    end: f64,
    cut: bool,
}

/// The picture of the case with this evidence folder; nothing where there is no timeline.
pub(super) fn picture(folder: &Path) -> Markup {
    let Ok(file) = File::open(folder.join("timeline.jsonl")) else { return html! {} };
    let timeline = read(BufReader::new(file.take(MOST_BYTES)));
    if timeline.lanes.iter().all(Vec::is_empty) {
        return html! {};
    }
    let scale = Scale::of(&timeline);
    let height = LANES.len() * LANE_HEIGHT + 24;
    html! {
        figure.timeline {
            svg viewBox={ "0 0 960 " (height) } role="img" aria-label="timeline" {
                @for (row, name) in LANES.iter().enumerate() { (lane(row, name, &timeline.lanes[row], &scale)) }
                @for (at, label) in scale.ticks() {
                    text.tick x=(place(at)) y=(height - 6) { (label) }
                }
            }
            @if timeline.cut { figcaption { "the timeline goes on behind what is drawn" } }
        }
        @if !timeline.packets.is_empty() { (packets(&timeline.packets)) }
    }
}

fn lane(row: usize, name: &str, marks: &[Mark], scale: &Scale) -> Markup {
    let top = row * LANE_HEIGHT + 4;
    html! {
        text.lane x="4" y=(top + 14) { (name) }
        line x1=(LEFT) x2=(RIGHT) y1=(top + 10) y2=(top + 10) {}
        @for mark in marks.iter().take(MOST_MARKS) {
            @let (from, to) = (scale.of_time(mark.from), scale.of_time(mark.to));
            rect class=(name) x=(place(from)) y=(top) width=(place((to - from).max(3.0))) height="20" rx="1.5" {
                title { (format!("{:.3} s ", mark.from)) (printable(&mark.text)) }
            }
        }
    }
}

fn packets(packets: &[(f64, String)]) -> Markup {
    html! {
        details.packets {
            summary { "network events " span.count { (packets.len()) } }
            ol { @for (at, text) in packets.iter().take(MOST_PACKETS) {
                li { span.time { (format!("{at:.3} s")) } " " (printable(text)) }
            } }
            @if packets.len() > MOST_PACKETS { p { "and " (packets.len() - MOST_PACKETS) " more in timeline.jsonl" } }
        }
    }
}

/// A coordinate with no more digits than a screen has.
fn place(value: f64) -> String {
    format!("{value:.1}")
}

/// Reads lines of JSON; a line that is none ends the reading, since it was cut.
fn read(lines: impl BufRead) -> Timeline {
    let mut timeline = Timeline::default();
    // the line that each stream is in, and when it began
    let mut open: [(String, f64); 2] = Default::default();
    let mut bytes = 0;
    for line in lines.lines() {
        let Ok(line) = line else { break };
        bytes += line.len() as u64 + 1;
        let Ok(entry) = serde_json::from_str::<Value>(&line) else { break };
        let at = entry["at"].as_f64().filter(|at| at.is_finite() && *at >= 0.0).unwrap_or(timeline.end);
        timeline.end = timeline.end.max(at);
        let text = entry["text"].as_str();
        match (entry["source"].as_str().unwrap_or_default(), text) {
            ("serial", Some(text)) => timeline.printed(&mut open[0], at, text),
            ("debugcon", Some(text)) => timeline.printed(&mut open[1], at, text),
            ("network", _) => {
                let event = &entry["event"];
                let nic = event["nic"].as_str().map(|nic| format!("{nic}: ")).unwrap_or_default();
                let said = format!("{nic}{}", words(&event["event"]));
                timeline.packets.push((at, said.clone()));
                timeline.lanes[2].push(Mark { from: at, to: at, text: said });
            }
            ("qmp", _) => timeline.lanes[3].push(Mark { from: at, to: at, text: message(&entry) }),
            ("harness" | "stderr", Some(text)) => {
                timeline.lanes[3].push(Mark { from: at, to: at, text: text.to_owned() });
            }
            _ => {}
        }
    }
    timeline.cut = bytes >= MOST_BYTES;
    timeline
}

impl Timeline {
    /// Bytes of firmware's port: joined to what came just before, and searched for the lines that name an attempt.
    fn printed(&mut self, open: &mut (String, f64), at: f64, text: &str) {
        // a fiftieth of a second is below what a reader can tell apart in a picture of seconds
        match self.lanes[0].last_mut().filter(|mark| at - mark.to < 0.02) {
            Some(mark) => {
                mark.to = at;
                if mark.text.len() < 300 {
                    mark.text.push_str(text);
                }
            }
            None => self.lanes[0].push(Mark { from: at, to: at, text: text.to_owned() }),
        }
        for part in text.split_inclusive(['\n', '\r']) {
            if open.0.is_empty() {
                open.1 = at;
            }
            if open.0.len() < LONGEST_LINE {
                open.0.push_str(part);
            }
            if part.ends_with(['\n', '\r']) {
                let line = std::mem::take(&mut open.0);
                if let Some(said) = of_attempt(line.trim()) {
                    self.lanes[1].push(Mark { from: open.1, to: open.1, text: said.to_owned() });
                }
            }
        }
    }
}

/// The part of a line with which SeaBIOS, OVMF or a payload speaks of an attempt.
fn of_attempt(line: &str) -> Option<&str> {
    const BEGINNINGS: [&str; 6] =
        ["Booting from ", "Boot failed: ", "No bootable device", "BdsDxe: ", ">>Start ", "BOOTWRIGHT/1 "];
    // "Booting from 0000:7c00" is SeaBIOS' jump into the sector that the line before it announced
    let found = BEGINNINGS.iter().filter_map(|word| line.find(word)).min().and_then(|at| line.get(at..))?;
    let jump = found.strip_prefix("Booting from ").is_some_and(|rest| rest.get(4..5) == Some(":"));
    (!jump).then_some(found)
}

/// A network event in one line: what it is, then every field that says something.
fn words(event: &Value) -> String {
    let Some(fields) = event.as_object() else { return event.to_string() };
    let mut text = event["what"].as_str().unwrap_or("event").to_owned();
    for (name, value) in fields.iter().filter(|(name, _)| *name != "what") {
        let value = match value {
            Value::Null => continue,
            Value::String(value) if value.is_empty() => continue,
            Value::String(value) => value.clone(),
            Value::Object(inner) => inner.values().map(plain).collect::<Vec<_>>().join(" "),
            other => other.to_string(),
        };
        text += &format!(", {name} {value}");
    }
    text
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// A QMP message in one line: its direction, and the command, event, error or greeting.
fn message(entry: &Value) -> String {
    if let Some(sent) = entry.get("sent") {
        return format!("to QEMU: {}", sent["execute"].as_str().unwrap_or("message"));
    }
    let received = &entry["received"];
    match (received["event"].as_str(), received.get("error"), received.get("QMP")) {
        (Some(event), ..) => format!("event {event} {}", received["data"]),
        (_, Some(error), _) => format!("error {}", error["desc"].as_str().unwrap_or_default()),
        (.., Some(_)) => "greeting".to_owned(),
        _ => "reply".to_owned(),
    }
}

/// From seconds to places in the picture: linear between the moments at which something was seen, with long silences cut short.
struct Scale {
    /// Moments in seconds with their places, both rising.
    stops: Vec<(f64, f64)>,
}

impl Scale {
    fn of(timeline: &Timeline) -> Scale {
        let marks = timeline.lanes.iter().flatten().flat_map(|mark| [mark.from, mark.to]);
        let mut moments: Vec<f64> = marks.chain([0.0, timeline.end]).collect();
        moments.sort_by(f64::total_cmp);
        moments.dedup();
        let end = moments.last().copied().unwrap_or(0.0).max(1e-6);
        let gaps = |most: f64| moments.windows(2).map(move |pair| (pair[1] - pair[0]).min(most));
        // what is left once the longest silences are cut decides how much one of them may take
        let most = (gaps(end * SILENCE).sum::<f64>() * SILENCE).max(1e-6);
        let unit = (RIGHT - LEFT) / gaps(most).sum::<f64>().max(1e-6);
        let mut stops = vec![(0.0, LEFT)];
        for (gap, moment) in gaps(most).zip(moments.iter().skip(1)) {
            let before = stops.last().map_or(LEFT, |stop| stop.1);
            stops.push((*moment, before + gap * unit));
        }
        Scale { stops }
    }

    fn of_time(&self, at: f64) -> f64 {
        let next = self.stops.partition_point(|stop| stop.0 < at).min(self.stops.len() - 1);
        let (to, right) = self.stops[next];
        let (from, left) = self.stops[next.saturating_sub(1)];
        if to > from { left + (right - left) * ((at - from) / (to - from)).clamp(0.0, 1.0) } else { right }
    }

    /// Places with the time that stands there, at least a word's width apart.
    fn ticks(&self) -> Vec<(f64, String)> {
        let mut ticks: Vec<(f64, String)> = Vec::new();
        for (at, place) in &self.stops {
            if ticks.last().is_none_or(|last| place - last.0 > 70.0) && *place < RIGHT - 30.0 {
                ticks.push((*place, format!("{at:.2} s")));
            }
        }
        ticks
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn timeline(lines: &[&str]) -> Timeline {
        read(lines.join("\n").as_bytes())
    }

    #[test]
    fn attempts_are_found_across_the_pieces_in_which_a_port_gives_its_bytes() {
        let seen = timeline(&[
            r#"{"at":0.1,"source":"debugcon","text":"Booting fr"}"#,
            r#"{"at":0.2,"source":"debugcon","text":"om Hard Disk...\nBooting from 0000:7c00\nBOOTWRIGHT/1 nonce=00 end\n"}"#,
            r#"{"at":0.3,"source":"serial","text":"\u001b[2JBdsDxe: loading Boot0001\r\n"}"#,
        ]);
        let attempts: Vec<&str> = seen.lanes[1].iter().map(|mark| mark.text.as_str()).collect();
        let expected = ["Booting from Hard Disk...", "BOOTWRIGHT/1 nonce=00 end", "BdsDxe: loading Boot0001"];
        assert_eq!(attempts, expected);
        assert_eq!(seen.lanes[1][0].from, 0.1, "where its line began");
    }

    #[test]
    fn a_network_event_is_decoded_without_what_says_nothing() {
        let seen = timeline(&[
            r#"{"at":1.5,"source":"network","event":{"nic":"nic0","event":{"what":"dhcp","message":"offer","server":null,"secs":4,"uuid":{"hex":"16"}}}}"#,
        ]);
        assert_eq!(seen.packets, [(1.5, "nic0: dhcp, message offer, secs 4, uuid 16".to_owned())]);
    }

    #[test]
    fn a_long_silence_is_squeezed_and_time_never_runs_backwards() {
        let seen = timeline(&[
            r#"{"at":0.5,"source":"qmp","sent":{"execute":"cont"}}"#,
            r#"{"at":1.0,"source":"qmp","received":{"event":"RESET"}}"#,
            r#"{"at":120.0,"source":"harness","text":"ending QEMU"}"#,
        ]);
        let scale = Scale::of(&seen);
        let places = [0.0, 0.5, 1.0, 120.0].map(|at| scale.of_time(at));
        assert!(places.windows(2).all(|pair| pair[0] < pair[1]), "{places:?}");
        assert!(places[2] - places[1] > 0.1 * (RIGHT - LEFT), "{places:?}");
        assert!((places[3] - RIGHT).abs() < 1.0, "{places:?}");
    }

    #[test]
    fn hostile_or_cut_lines_draw_no_markup_and_end_the_reading() {
        let dir = tempfile::tempdir().unwrap();
        let hostile = r#"{"at":1e999,"source":"serial","text":"<script>\u001b[2J</svg>\nBdsDxe: <b>\n"}"#;
        let text = format!("{}\n{{\"at\":0.5,\"sou", hostile.replace("1e999", "0.25"));
        std::fs::write(dir.path().join("timeline.jsonl"), text).unwrap();
        let drawn = picture(dir.path()).into_string();
        assert!(drawn.contains("&lt;script&gt;") && !drawn.contains("<script") && !drawn.contains("<b>"), "{drawn}");
        assert_eq!(drawn.matches("</svg>").count(), 1);
        std::fs::write(dir.path().join("timeline.jsonl"), hostile).unwrap();
        assert!(picture(dir.path()).into_string().is_empty(), "no time, no picture");
        assert!(picture(&dir.path().join("none")).into_string().is_empty());
    }
}

//! The figures that have a limit as bars, in a file that any browser draws (SVG 1.1, no scripts).

use std::fmt::Write as _;

/// One figure beside its limit; below it is better.
#[derive(Clone, Debug)]
pub struct Bar {
    /// What it is.
    pub name: String,
    /// What was measured.
    pub value: f64,
    /// What it is held against, above 0.
    pub limit: f64,
}

/// Height of a bar with its line of text, pixels.
const ROW: usize = 44;

/// Width of the picture, pixels.
const WIDTH: usize = 900;

/// Where the limit of every bar is drawn, pixels from the left.
const LIMIT_AT: f64 = 600.0;

/// What is drawn of a figure, in limits: a longer bar is cut there, and its number tells.
const LONGEST: f64 = 1.4;

/// Draws them from top to bottom, each in units of its own limit, whose line they share.
pub fn svg(bars: &[Bar]) -> String {
    let height = 40 + bars.len() * ROW;
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{height}\" font-family=\"sans-serif\" \
         font-size=\"14\">\n<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n\
         <text x=\"{LIMIT_AT}\" y=\"20\" text-anchor=\"middle\" fill=\"#444444\">limit</text>\n"
    );
    for (number, bar) in bars.iter().enumerate() {
        let y = 30 + number * ROW;
        let length = LIMIT_AT * (bar.value / bar.limit).clamp(0.0, LONGEST);
        let colour = if bar.value <= bar.limit { "#2e7d4f" } else { "#b3402e" };
        let (name, value, limit) = (escaped(&bar.name), figure(bar.value), figure(bar.limit));
        writeln!(
            text,
            "<text x=\"4\" y=\"{}\">{name}: {value} (limit {limit})</text>\n\
             <rect x=\"0\" y=\"{}\" width=\"{length:.1}\" height=\"14\" fill=\"{colour}\"/>",
            y + 14,
            y + 20
        )
        .ok();
    }
    writeln!(
        text,
        "<line x1=\"{LIMIT_AT}\" x2=\"{LIMIT_AT}\" y1=\"26\" y2=\"{height}\" stroke=\"#444444\" stroke-dasharray=\"4 3\"/>\n</svg>"
    )
    .ok();
    text
}

/// Three significant places are enough.
fn figure(value: f64) -> String {
    let places = if value >= 10.0 { 1 } else { 3 };
    format!("{value:.places$}").trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bar(name: &str, value: f64, limit: f64) -> Bar {
        Bar { name: name.to_owned(), value, limit }
    }

    #[test]
    fn what_is_above_its_limit_is_red_and_ends_behind_the_line() {
        let drawn = svg(&[bar("good", 0.5, 1.0), bar("bad <&>", 1.15, 1.0), bar("far", 100.0, 1.0)]);
        assert!(
            drawn.contains("good: 0.5 (limit 1)") && drawn.contains("bad &lt;&amp;&gt;: 1.15 (limit 1)"),
            "{drawn}"
        );
        assert!(drawn.contains("width=\"300.0\" height=\"14\" fill=\"#2e7d4f\""), "{drawn}");
        assert!(drawn.contains("width=\"690.0\" height=\"14\" fill=\"#b3402e\""), "{drawn}");
        assert!(drawn.contains("width=\"840.0\""), "{drawn}");
        assert_eq!(drawn.matches("<rect").count(), 4);
    }

    #[test]
    fn a_figure_has_no_places_that_say_nothing() {
        assert_eq!((figure(0.1), figure(123.44), figure(0.1425)), ("0.1".into(), "123.4".into(), "0.142".into()));
    }
}

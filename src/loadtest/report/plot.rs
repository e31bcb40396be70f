//! Plots: lines over a plane as inline SVG, with a viewBox narrow enough that its text can be read on a phone.

use std::fmt::Write as _;

/// Size of the picture, in its own units; a phone shows it at about this size.
const WIDTH: f64 = 400.0;
const HEIGHT: f64 = 220.0;
/// Room for the scales.
const LEFT: f64 = 46.0;
const RIGHT: f64 = 10.0;
const TOP: f64 = 10.0;
const BOTTOM: f64 = 34.0;

/// A line and how it looks: a class of the page's style sheet.
pub(super) struct Line {
    pub(super) class: &'static str,
    /// From left to right; a gap where there is no value.
    pub(super) points: Vec<(f64, Option<f64>)>,
    pub(super) name: String,
}

/// How values become heights, or places.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Scale {
    Linear,
    Logarithmic,
}

/// A plot.
pub(super) struct Plot {
    pub(super) title: &'static str,
    pub(super) x_label: &'static str,
    pub(super) x_scale: Scale,
    pub(super) y_scale: Scale,
    pub(super) lines: Vec<Line>,
    /// Shaded up to here: the warm-up.
    pub(super) shaded: f64,
}

/// From the least to the largest value, with marks.
struct Axis {
    scale: Scale,
    low: f64,
    high: f64,
    marks: Vec<f64>,
}

impl Axis {
    fn new(scale: Scale, values: impl Iterator<Item = f64>) -> Self {
        let values: Vec<f64> = values.filter(|value| value.is_finite()).collect();
        let high = values.iter().copied().fold(0.0_f64, f64::max);
        match scale {
            Scale::Linear => {
                let step = step(high);
                let marks: Vec<f64> = std::iter::successors(Some(0.0), |mark| Some(mark + step))
                    .take_while(|mark| *mark < high + step * 0.999)
                    .take(12)
                    .collect();
                Self { scale, low: 0.0, high: marks.last().copied().unwrap_or(1.0).max(high).max(1e-9), marks }
            }
            Scale::Logarithmic => {
                let least = values.iter().copied().filter(|value| *value > 0.0).fold(f64::MAX, f64::min);
                let low = 10.0_f64.powf(least.min(high.max(1e-3)).max(1e-3).log10().floor());
                let high = 10.0_f64.powf(high.max(low * 10.0).log10().ceil());
                let marks = std::iter::successors(Some(low), |mark| Some(mark * 10.0));
                Self { scale, low, high, marks: marks.take_while(|mark| *mark <= high * 1.001).take(12).collect() }
            }
        }
    }

    /// 0 at the low end, 1 at the high end.
    fn place(&self, value: f64) -> f64 {
        let share = match self.scale {
            Scale::Linear => (value - self.low) / (self.high - self.low),
            Scale::Logarithmic => (value.max(self.low) / self.low).log10() / (self.high / self.low).log10(),
        };
        share.clamp(0.0, 1.0)
    }
}

/// A round step that gives about four marks.
fn step(high: f64) -> f64 {
    let rough = (high / 4.0).max(1e-6);
    let decade = 10.0_f64.powf(rough.log10().floor());
    [1.0, 2.0, 5.0]
        .into_iter()
        .map(|factor| factor * decade)
        .find(|step| *step >= rough * 0.999)
        .unwrap_or(decade * 10.0)
}

impl Plot {
    /// A figure with its picture and its legend.
    pub(super) fn svg(&self) -> String {
        let mut text = String::new();
        match self.write(&mut text) {
            Ok(()) => text,
            // Writing to a String cannot fail.
            Err(error) => error.to_string(),
        }
    }

    fn write(&self, text: &mut String) -> std::fmt::Result {
        let x_axis = Axis::new(self.x_scale, self.points().map(|(x, _)| x));
        let y_axis = Axis::new(self.y_scale, self.points().filter_map(|(_, y)| y));
        let x = |value: f64| LEFT + x_axis.place(value) * (WIDTH - LEFT - RIGHT);
        let y = |value: f64| HEIGHT - BOTTOM - y_axis.place(value) * (HEIGHT - TOP - BOTTOM);
        write!(text, "<figure><figcaption>{}</figcaption>", self.title)?;
        write!(text, r#"<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{}">"#, self.title)?;
        if self.shaded > 0.0 {
            let (from, to) = (x(0.0), x(self.shaded));
            let (width, height) = (to - from, HEIGHT - TOP - BOTTOM);
            write!(text, r#"<rect class="warm" x="{from:.1}" y="{TOP}" width="{width:.1}" height="{height:.1}"/>"#)?;
        }
        for mark in &y_axis.marks {
            let at = y(*mark);
            write!(text, r#"<line class="grid" x1="{LEFT}" x2="{:.1}" y1="{at:.1}" y2="{at:.1}"/>"#, WIDTH - RIGHT)?;
            write!(text, r#"<text class="y" x="{:.1}" y="{:.1}">{}</text>"#, LEFT - 5.0, at + 3.5, number(*mark))?;
        }
        for mark in &x_axis.marks {
            let at = x(*mark);
            write!(text, r#"<text class="x" x="{at:.1}" y="{:.1}">{}</text>"#, HEIGHT - BOTTOM + 14.0, number(*mark))?;
        }
        let (middle, bottom) = (f64::midpoint(LEFT, WIDTH - RIGHT), HEIGHT - 5.0);
        write!(text, r#"<text class="x" x="{middle:.1}" y="{bottom:.1}">{}</text>"#, self.x_label)?;
        for line in &self.lines {
            write!(text, r#"<path class="line {}" d=""#, line.class)?;
            path(text, &line.points, &x, &y)?;
            text.push_str("\"/>");
        }
        text.push_str("</svg><p class=\"legend\">");
        for line in &self.lines {
            write!(text, r#"<span><i class="key {}"></i>{}</span>"#, line.class, line.name)?;
        }
        text.push_str("</p></figure>");
        Ok(())
    }

    fn points(&self) -> impl Iterator<Item = (f64, Option<f64>)> {
        self.lines.iter().flat_map(|line| line.points.iter().copied())
    }
}

/// The path of a line; a new part after each gap. A single point gets a short stroke, or nobody would see it.
fn path(
    text: &mut String,
    points: &[(f64, Option<f64>)],
    x: &impl Fn(f64) -> f64,
    y: &impl Fn(f64) -> f64,
) -> std::fmt::Result {
    let mut drawing = false;
    for (at, value) in points {
        if let Some(value) = value {
            let (start, end) = if drawing { ("L", "") } else { ("M", "h.1") };
            write!(text, "{start}{:.1} {:.1}{end}", x(*at), y(*value))?;
        }
        drawing = value.is_some();
    }
    Ok(())
}

/// Short: 12k, 1.5, 0.01.
fn number(value: f64) -> String {
    let (value, unit) = if value >= 10_000.0 { (value / 1_000.0, "k") } else { (value, "") };
    let digits = format!("{value:.3}");
    let digits = digits.trim_end_matches('0').trim_end_matches('.');
    format!("{digits}{unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_round_and_span_the_values() {
        let axis = Axis::new(Scale::Linear, [3.0, 87.0].into_iter());
        assert_eq!(axis.marks, [0.0, 50.0, 100.0]);
        let axis = Axis::new(Scale::Logarithmic, [0.3, 87.0].into_iter());
        let marks: Vec<String> = axis.marks.iter().map(|mark| number(*mark)).collect();
        assert_eq!(marks, ["0.1", "1", "10", "100"]);
        for scale in [Scale::Linear, Scale::Logarithmic] {
            let empty = Axis::new(scale, std::iter::empty());
            assert!(empty.place(0.0).is_finite() && empty.place(1.0).is_finite());
        }
    }

    #[test]
    fn a_line_has_a_gap_where_there_is_no_value() {
        let points = [(0.0, Some(1.0)), (1.0, Some(2.0)), (2.0, None), (3.0, Some(3.0))];
        let mut text = String::new();
        path(&mut text, &points, &|x| x, &|y| y).unwrap();
        assert_eq!(text, "M0.0 1.0h.1L1.0 2.0M3.0 3.0h.1");
    }
}

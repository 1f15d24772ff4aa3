//! A drawing that needs no script and no font of its own.

use maud::{Markup, PreEscaped, html};

const WIDTH: f64 = 860.0;
/// The edges of a plot; what is left of them is for names.
pub const LEFT: f64 = 120.0;
pub const RIGHT: f64 = WIDTH - 30.0;
pub const TOP: f64 = 8.0;

/// Where a text stands in respect of its point.
#[derive(Clone, Copy)]
pub enum Anchor {
    Start,
    Middle,
    End,
}

/// A plot down to `bottom`, with its scale below, in user units that are pixels at full size.
pub struct Svg {
    bottom: f64,
    body: Markup,
}

impl Svg {
    pub fn new(bottom: f64) -> Self {
        Self {
            bottom,
            body: PreEscaped(String::new()),
        }
    }

    fn add(&mut self, element: &Markup) {
        self.body.0.push_str(&element.0);
    }

    /// A horizontal scale from 0 to at least `most`; where a value is on it.
    pub fn scale(&mut self, most: f64, unit: &str) -> impl Fn(f64) -> f64 + use<> {
        let ticks = ticks(most);
        let end = ticks.last().copied().unwrap_or(1.0);
        let place = move |value: f64| LEFT + (RIGHT - LEFT) * value / end;
        let bottom = self.bottom;
        for tick in ticks {
            let x = place(tick);
            self.line((x, TOP), (x, bottom), "grid");
            let text = tick_text(tick);
            self.text((x, bottom + 16.0), Anchor::Middle, "tick", &text);
        }
        let middle = (f64::midpoint(LEFT, RIGHT), bottom + 34.0);
        self.text(middle, Anchor::Middle, "axis", unit);
        place
    }

    /// A line across with a text on its left.
    pub fn across(&mut self, y: f64, text: &str) {
        self.line((LEFT, y), (RIGHT, y), "grid");
        self.text((LEFT - 10.0, y + 4.0), Anchor::End, "tick", text);
    }

    /// A filled box with a text that shows when it is pointed at.
    pub fn bar(&mut self, [x, y, width, height]: [f64; 4], class: &str, title: &str) {
        let width = px(width.max(0.5));
        self.add(&html! {
            rect x=(px(x)) y=(px(y)) width=(width) height=(px(height)) rx="2" class=(class) {
                title { (title) }
            }
        });
    }

    pub fn line(&mut self, from: (f64, f64), to: (f64, f64), class: &str) {
        self.add(&html! {
            line x1=(px(from.0)) y1=(px(from.1)) x2=(px(to.0)) y2=(px(to.1)) class=(class) {}
        });
    }

    pub fn path(&mut self, points: &[(f64, f64)], class: &str) {
        let points: Vec<String> = points
            .iter()
            .map(|(x, y)| format!("{x:.1},{y:.1}"))
            .collect();
        self.add(&html! { polyline points=(points.join(" ")) class=(class) {} });
    }

    pub fn dot(&mut self, at: (f64, f64), class: &str, title: &str) {
        self.add(&html! {
            circle cx=(px(at.0)) cy=(px(at.1)) r="4" class=(class) { title { (title) } }
        });
    }

    pub fn text(&mut self, at: (f64, f64), anchor: Anchor, class: &str, text: &str) {
        let anchor = match anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        self.add(&html! {
            text x=(px(at.0)) y=(px(at.1)) text-anchor=(anchor) class=(class) { (text) }
        });
    }

    /// The element; `about` is for those who do not see it.
    pub fn finish(self, about: &str) -> Markup {
        let view = format!("0 0 {WIDTH:.0} {:.0}", self.bottom + 44.0);
        html! { svg viewBox=(view) role="img" aria-label=(about) { (self.body) } }
    }
}

fn px(value: f64) -> String {
    format!("{value:.1}")
}

/// About five round numbers from 0 to at least `most`.
pub fn ticks(most: f64) -> Vec<f64> {
    if !(most.is_finite() && most > 0.0) {
        return vec![0.0, 1.0];
    }
    let rough = most / 4.0;
    let power = 10_f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 2.5, 5.0, 10.0]
        .into_iter()
        .map(|factor| factor * power)
        .find(|step| *step >= rough)
        .unwrap_or(10.0 * power);
    let count = (most / step).ceil() as usize;
    (0..=count).map(|index| index as f64 * step).collect()
}

/// A tick without digits that say nothing.
pub fn tick_text(value: f64) -> String {
    let text = format!("{value:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

//! The picture of the network: validators on a ring, side by side with those of their cluster. Geometry only.

use super::words::Tongue;
use std::f64::consts::TAU;

/// How a validator is seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen {
    /// It is this node.
    Me,
    /// It was heard a moment ago.
    Here,
    /// It was not heard.
    Away,
    /// This node cannot tell: it has no connection to it by its role.
    Unknown,
}

/// A validator or observer as the map takes it.
#[derive(Debug, Clone)]
pub struct Member {
    /// Its name.
    pub name: String,
    /// Its cluster.
    pub cluster: String,
    /// Whether it only follows.
    pub observer: bool,
    /// How it is seen.
    pub seen: Seen,
    /// Whether it led the last block.
    pub leads: bool,
}

/// The whole picture.
#[derive(Debug, Clone)]
pub struct Map {
    pub(super) arcs: Vec<Arc>,
    pub(super) spokes: Vec<Spoke>,
    pub(super) dots: Vec<Dot>,
    pub(super) clusters: Vec<Cluster>,
    pub(super) here: usize,
    pub(super) validators: usize,
    pub(super) quorum: usize,
    pub(super) spare: usize,
    pub(super) center: &'static str,
    pub(super) description: String,
}

/// The arc of a cluster, with its letter.
#[derive(Debug, Clone)]
pub struct Arc {
    pub(super) path: String,
    pub(super) color: usize,
    pub(super) letter: String,
    pub(super) x: String,
    pub(super) y: String,
}

/// The line from the middle to a member.
#[derive(Debug, Clone)]
pub struct Spoke {
    pub(super) class: &'static str,
    pub(super) x: String,
    pub(super) y: String,
}

/// A member on the ring.
#[derive(Debug, Clone)]
pub struct Dot {
    pub(super) x: String,
    pub(super) y: String,
    pub(super) left: String,
    pub(super) top: String,
    pub(super) side: String,
    pub(super) r: String,
    pub(super) halo: String,
    pub(super) number: usize,
    pub(super) numbered: bool,
    pub(super) observer: bool,
    pub(super) leads: bool,
    pub(super) class: &'static str,
    pub(super) title: String,
}

/// A cluster in the list beside the ring.
#[derive(Debug, Clone)]
pub struct Cluster {
    pub(super) name: String,
    pub(super) letter: String,
    pub(super) color: usize,
    pub(super) here: usize,
    pub(super) size: usize,
    pub(super) members: Vec<Line>,
}

/// A member in that list.
#[derive(Debug, Clone)]
pub struct Line {
    pub(super) number: usize,
    pub(super) name: String,
    pub(super) state: &'static str,
    pub(super) class: &'static str,
}

const CENTER: f64 = 180.0;
const RING: f64 = 124.0;
const ARC: f64 = 152.0;
const LETTERS: f64 = 168.0;
/// Colours that the style sheet has.
const COLORS: usize = 6;
/// Room between two clusters, in places of members.
const GAP: f64 = 0.7;
/// The smallest dot that shows its number.
const NUMBERED: f64 = 8.0;

fn class(member: &Member) -> &'static str {
    match (member.seen, member.leads) {
        (Seen::Me, true) => "me leads",
        (Seen::Me, false) => "me",
        (Seen::Here, true) => "here leads",
        (Seen::Here, false) => "here",
        (Seen::Away, true) => "away leads",
        (Seen::Away, false) => "away",
        (Seen::Unknown, _) => "unknown",
    }
}

fn state(member: &Member, l: Tongue) -> &'static str {
    match (member.seen, member.leads, member.observer) {
        (Seen::Away, _, _) => l.t("离线", "away"),
        (Seen::Me, true, _) => l.t("本节点 · 主持", "this node · leads"),
        (Seen::Here | Seen::Unknown, true, _) => l.t("主持", "leads"),
        (Seen::Me, false, true) => l.t("本节点 · 观察", "this node · observes"),
        (Seen::Me, false, false) => l.t("本节点", "this node"),
        (Seen::Here | Seen::Unknown, false, true) => l.t("观察", "observes"),
        (Seen::Here, false, false) => l.t("在线", "here"),
        (Seen::Unknown, false, false) => "–",
    }
}

fn point(angle: f64, radius: f64) -> (f64, f64) {
    (CENTER + radius * angle.sin(), CENTER - radius * angle.cos())
}

fn coordinate(value: f64) -> String {
    format!("{value:.1}")
}

fn float(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

/// The letters by which clusters are named on the ring: A to Z, then AA.
fn letter(place: usize) -> String {
    let letters: Vec<char> = ('A'..='Z').collect();
    let one = |place: usize| letters.get(place % letters.len()).copied().unwrap_or('?');
    if place < letters.len() { one(place).to_string() } else { format!("{}{}", one(place / letters.len() - 1), one(place)) }
}

/// Draws the members, clusters in the order in which they first come.
pub fn draw(members: &[Member], quorum: usize, l: Tongue) -> Map {
    let mut names: Vec<&str> = Vec::new();
    for member in members {
        if !names.contains(&member.cluster.as_str()) {
            names.push(&member.cluster);
        }
    }
    let slots = float(members.len()) + GAP * float(names.len());
    let step = TAU / slots.max(1.0);
    let r = (RING * step * 0.42).min(16.0);
    let mut map = empty(members, quorum, l);
    let (mut place, mut number) = (GAP / 2.0 + 0.5, 1);
    for (color, name) in names.iter().enumerate() {
        let of: Vec<&Member> = members.iter().filter(|member| member.cluster == *name).collect();
        let color = color % COLORS;
        let letter = letter(map.clusters.len());
        map.arcs.push(arc((place - 0.45) * step, (place + float(of.len()) - 0.55) * step, color, &letter));
        let voting = || of.iter().filter(|member| !member.observer);
        let here = voting().filter(|member| member.seen != Seen::Away).count();
        let mut lines = Vec::new();
        for member in &of {
            map.dot(member, place * step, r, number, l);
            lines.push(Line { number, name: member.name.clone(), state: state(member, l), class: class(member) });
            place += 1.0;
            number += 1;
        }
        let size = voting().count();
        map.clusters.push(Cluster { name: (*name).to_owned(), letter, color, here, size, members: lines });
        place += GAP;
    }
    map
}

fn empty(members: &[Member], quorum: usize, l: Tongue) -> Map {
    let voting: Vec<&Member> = members.iter().filter(|member| !member.observer).collect();
    let here = voting.iter().filter(|member| member.seen != Seen::Away).count();
    let validators = voting.len();
    let center = if here >= quorum { l.t("在线", "here") } else { l.t("不足法定人数", "no quorum") };
    let description = match l.tag() {
        "en" => format!("{here} of {validators} validators are here; {quorum} are needed"),
        _ => format!("{validators} 个验证节点中有 {here} 个在线，需要 {quorum} 个"),
    };
    let spare = here.saturating_sub(quorum);
    Map {
        arcs: Vec::new(),
        spokes: Vec::new(),
        dots: Vec::new(),
        clusters: Vec::new(),
        here,
        validators,
        quorum,
        spare,
        center,
        description,
    }
}

fn arc(from: f64, to: f64, color: usize, letter: &str) -> Arc {
    let ((x1, y1), (x2, y2)) = (point(from, ARC), point(to, ARC));
    let large = u8::from(to - from > TAU / 2.0);
    let (x, y) = point(f64::midpoint(from, to), LETTERS);
    Arc {
        path: format!("M{x1:.1} {y1:.1}A{ARC:.0} {ARC:.0} 0 {large} 1 {x2:.1} {y2:.1}"),
        color,
        letter: letter.to_owned(),
        x: coordinate(x),
        y: coordinate(y),
    }
}

impl Map {
    fn dot(&mut self, member: &Member, angle: f64, r: f64, number: usize, l: Tongue) {
        let (x, y) = point(angle, RING);
        self.spokes.push(Spoke { class: class(member), x: coordinate(x), y: coordinate(y) });
        self.dots.push(Dot {
            x: coordinate(x),
            y: coordinate(y),
            left: coordinate(x - r * 0.85),
            top: coordinate(y - r * 0.85),
            side: coordinate(r * 1.7),
            r: coordinate(r),
            halo: coordinate(r + 4.0),
            number,
            numbered: r >= NUMBERED,
            observer: member.observer,
            leads: member.leads,
            class: class(member),
            title: format!("{number} {} · {}", member.name, state(member, l)),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use service_kit::Language;

    fn member(name: &str, cluster: &str, seen: Seen) -> Member {
        Member { name: name.to_owned(), cluster: cluster.to_owned(), observer: false, seen, leads: false }
    }

    #[test]
    fn members_stand_on_the_ring_by_cluster_and_apart_from_each_other() {
        let members: Vec<Member> =
            (0..22).map(|n| member(&n.to_string(), ["a", "b", "c", "w"][if n == 21 { 3 } else { n % 3 }], Seen::Here)).collect();
        let map = draw(&members, 15, Tongue(Language::English));
        assert_eq!((map.dots.len(), map.clusters.len(), map.arcs.len(), map.spare), (22, 4, 4, 7));
        let sizes: Vec<usize> = map.clusters.iter().map(|cluster| cluster.size).collect();
        assert_eq!(sizes, [7, 7, 7, 1]);
        let number = |text: &str| text.parse::<f64>().unwrap();
        for (place, one) in map.dots.iter().enumerate() {
            let (x, y, r) = (number(&one.x), number(&one.y), number(&one.r));
            assert!(x - r > 0.0 && x + r < 360.0 && y - r > 0.0 && y + r < 360.0, "inside the picture");
            for other in map.dots.iter().skip(place + 1) {
                let distance = (x - number(&other.x)).hypot(y - number(&other.y));
                assert!(distance > 2.0 * r, "{} and {} touch", one.number, other.number);
            }
        }
    }

    #[test]
    fn observers_do_not_count_and_a_missing_quorum_is_said() {
        let mut observer = member("o", "a", Seen::Here);
        observer.observer = true;
        let members = [member("one", "a", Seen::Me), member("two", "a", Seen::Away), observer];
        let map = draw(&members, 2, Tongue(Language::English));
        assert_eq!((map.here, map.validators, map.center), (1, 2, "no quorum"));
        assert_eq!(letter(27), "AB");
    }
}

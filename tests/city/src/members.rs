//! Who runs the city's validators, and in which cluster each stands.
//!
//! From seven validators on, each belongs to a department of its own, and they stand in three clusters with a witness besides: the
//! statistics bureau, the e-government cloud, the backup centre, and the supervisor's office. A smaller ledger is for a laptop.

use identity::Localized;

/// Departments that run a validator, with their names; the first of each cluster is the one whose house it is.
const DEPARTMENTS: [(&str, &str, &str); 22] = [
    ("statistics", "滨河市统计局", "Riverside City Statistics Bureau"),
    ("public-security", "滨河市公安局", "Riverside City Public Security Bureau"),
    ("finance", "滨河市财政局", "Riverside City Finance Bureau"),
    ("development-reform", "滨河市发展和改革委员会", "Riverside City Development and Reform Commission"),
    ("human-resources", "滨河市人力资源和社会保障局", "Riverside City Human Resources and Social Security Bureau"),
    ("market-regulation", "滨河市市场监督管理局", "Riverside City Market Regulation Bureau"),
    ("audit", "滨河市审计局", "Riverside City Audit Bureau"),
    ("e-government", "滨河市电子政务中心", "Riverside City E-Government Centre"),
    ("civil-affairs", "滨河市民政局", "Riverside City Civil Affairs Bureau"),
    ("tax", "滨河市税务局", "Riverside City Tax Bureau"),
    ("justice", "滨河市司法局", "Riverside City Justice Bureau"),
    ("education", "滨河市教育局", "Riverside City Education Bureau"),
    ("health", "滨河市卫生健康委员会", "Riverside City Health Commission"),
    ("medical-insurance", "滨河市医疗保障局", "Riverside City Medical Insurance Bureau"),
    ("backup-centre", "滨河市灾备中心", "Riverside City Backup Centre"),
    ("natural-resources", "滨河市自然资源局", "Riverside City Natural Resources Bureau"),
    ("housing", "滨河市住房和城乡建设局", "Riverside City Housing and Construction Bureau"),
    ("transport", "滨河市交通运输局", "Riverside City Transport Bureau"),
    ("emergency", "滨河市应急管理局", "Riverside City Emergency Management Bureau"),
    ("agriculture", "滨河市农业农村局", "Riverside City Agriculture Bureau"),
    ("commerce", "滨河市商务局", "Riverside City Commerce Bureau"),
    ("supervisor", "滨河市监督办公室", "Riverside City Supervisor's Office"),
];

/// The departments that run a laptop's validators in turn: those that its citizens meet.
const LAPTOP: [&str; 3] = ["public-security", "civil-affairs", "supervisor"];

/// The clusters, the largest first; the fourth is the witness.
const CLUSTERS: [&str; 4] = ["statistics-bureau", "e-government-cloud", "backup-centre", "supervisors-office"];

/// From how many validators on each has a department of its own.
const REFERENCE: usize = 7;

/// Where a validator stands and whose it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// The authority that runs it.
    pub authority: &'static str,
    /// Its cluster.
    pub cluster: String,
}

/// How many of `validators` may fail: f = ⌊(n − 1) / 3⌋.
pub fn tolerated(validators: usize) -> usize {
    validators.saturating_sub(1) / 3
}

/// The members of a ledger of `validators`, in their order: f to a cluster, the rest in further ones.
pub fn members(validators: usize) -> Vec<Member> {
    let share = tolerated(validators).max(1);
    let member = |index: usize| Member { authority: authority(validators, index), cluster: cluster(index / share) };
    (0..validators).map(member).collect()
}

fn cluster(place: usize) -> String {
    CLUSTERS.get(place).map_or_else(|| format!("site-{}", place + 1), |name| (*name).to_owned())
}

/// Of 22, each its own; of fewer, the first departments of each cluster; of more, the departments have a second one.
fn authority(validators: usize, index: usize) -> &'static str {
    if validators < REFERENCE {
        return LAPTOP.iter().cycle().nth(index).expect("a cycle does not end");
    }
    let share = tolerated(validators);
    let (place, within) = (index / share, index % share);
    let (first, count) = if place < 3 { (place * 7, 7) } else { (21, 1) };
    DEPARTMENTS.iter().skip(first).take(count).cycle().nth(within).map(|(id, ..)| *id).expect("a cycle does not end")
}

/// The name of a department.
pub fn name(authority: &str) -> Option<Localized> {
    DEPARTMENTS.iter().find(|(id, ..)| *id == authority).map(|(_, zh, en)| Localized::new(*zh, *en))
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;

    fn clusters(validators: usize) -> BTreeMap<String, usize> {
        let mut held = BTreeMap::new();
        for member in members(validators) {
            *held.entry(member.cluster).or_default() += 1;
        }
        held
    }

    /// X023, X026: 22 validators of 22 departments stand in three clusters of seven, with a witness besides.
    #[test]
    fn the_reference_city_has_three_clusters_of_seven_and_a_witness() {
        let expected = [("backup-centre", 7), ("e-government-cloud", 7), ("statistics-bureau", 7), ("supervisors-office", 1)];
        assert_eq!(clusters(22), expected.map(|(name, held)| (name.to_owned(), held)).into());
        let authorities: BTreeSet<&str> = members(22).iter().map(|member| member.authority).collect();
        assert_eq!(authorities.len(), 22);
    }

    #[test]
    fn no_cluster_of_any_size_holds_more_than_may_fail() {
        for validators in 4..=64 {
            assert!(clusters(validators).values().all(|held| *held <= tolerated(validators)), "{validators}");
            assert!(members(validators).iter().all(|member| name(member.authority).is_some()));
        }
        assert_eq!(clusters(7).into_values().collect::<Vec<_>>(), [2, 2, 2, 1]);
        assert_eq!(members(1).first().map(|member| member.authority), Some("public-security"));
    }
}

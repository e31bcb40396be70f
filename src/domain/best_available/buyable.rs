//! Buyable: the categories whose places a request can buy. Made once for a request, so that no place's price is looked up while the search goes on.

/// Which places a request can buy, by their category.
pub(crate) enum Buyable<'a> {
    /// All: the showtime has no prices, or each of its zones serves the request.
    All,
    /// Those whose zone serves the request.
    Zones {
        /// The categories that have zones of their own, and whether these serve it.
        own: Vec<(&'a str, bool)>,
        /// Whether the zone of all other places does; not if there is none.
        others: bool,
    },
}

impl Buyable<'_> {
    /// Whether the places of this category are among them.
    pub(super) fn has(&self, category: Option<&str>) -> bool {
        match self {
            Self::All => true,
            Self::Zones { own, others } => {
                let zone = category.and_then(|category| own.iter().find(|(of, _)| *of == category));
                zone.map_or(*others, |(_, serves)| *serves)
            }
        }
    }

    /// Whether it is every place of every house.
    pub(super) fn is_all(&self) -> bool {
        matches!(self, Self::All)
    }
}

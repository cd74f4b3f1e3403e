//! The distribution's news: what a person should have read before an upgrade, since it asks for something to be done by hand.
//!
//! An RSS 2.0 feed, fetched and kept by a refresh. Which of it somebody has read nobody knows.

use crate::sys::http::{self, Network, Options, Outcome};
use anyhow::{Context, Result, bail};
use jiff::fmt::rfc2822;
use quick_xml::escape::unescape;
use quick_xml::events::Event;
use quick_xml::reader::Reader;
use std::fs;
use std::path::Path;

/// Arch Linux's, where the configuration names no other.
pub const DEFAULT_URL: &str = "https://archlinux.org/feeds/news/";
/// The name of the kept copy, in whatever folder.
pub const FILE_NAME: &str = "news.xml";
/// Some ten times the real one.
const MAX_FILE_BYTES: u64 = 2 << 20;
const MAX_ITEMS: usize = 1000;

/// One of the news.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct News {
    /// Seconds since 1970.
    pub published: i64,
    pub title: String,
    pub link: String,
}

/// Brings the kept copy up to date. Nothing that is no feed is put in its place.
pub fn update(url: &str, path: &Path, network: &Network) -> Result<Outcome> {
    let check = |new: &Path| read(new).map(drop);
    http::download(url, path, &Options { network, max_bytes: MAX_FILE_BYTES, progress: &|_| {}, check: &check })
}

/// What a feed tells, newest first.
pub fn read(path: &Path) -> Result<Vec<News>> {
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    items(&text).with_context(|| format!("{} is no feed of news", path.display()))
}

fn items(text: &str) -> Result<Vec<News>> {
    let mut reader = Reader::from_str(text);
    let (mut all, mut item) = (Vec::new(), None::<News>);
    let mut is_feed = false;
    loop {
        match reader.read_event()? {
            Event::Start(tag) => match (tag.name().as_ref(), &mut item) {
                ("rss", None) => is_feed = true,
                ("item", None) => item = Some(News::default()),
                (name @ ("title" | "link" | "pubDate"), Some(item)) => {
                    let raw = reader.read_text(tag.name())?.xml10_content().into_owned();
                    let value = unescape(&raw)?.trim().to_owned();
                    match name {
                        "title" => item.title = value,
                        "link" => item.link = value,
                        _ => item.published = rfc2822::parse(&value)?.timestamp().as_second(),
                    }
                }
                _ => {}
            },
            Event::End(tag) if tag.name().as_ref() == "item" => {
                all.extend(item.take().filter(|item| !item.title.is_empty()));
                if all.len() > MAX_ITEMS {
                    bail!("too many items");
                }
            }
            Event::Eof if is_feed => break,
            Event::Eof => bail!("it has no element rss"),
            _ => {}
        }
    }
    all.sort_by_key(|item| std::cmp::Reverse(item.published));
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FEED: &str = r#"<?xml version="1.0" encoding="utf-8"?>
<rss version="2.0" xmlns:atom="http://www.w3.org/2005/Atom"><channel><title>Linux: Recent news</title>
<link>https://example.org/news/</link><lastBuildDate>Mon, 03 Mar 2025 12:00:00 +0000</lastBuildDate>
<item><title>Older, with a &lt;tag&gt;</title><link>https://example.org/1</link><description>&lt;p&gt;<![CDATA[<item>]]></description>
<pubDate>Sat, 01 Feb 2025 09:00:00 +0000</pubDate></item>
<item><title>base &gt;= 3 needs a hand</title><link>https://example.org/2</link><description/>
<pubDate>Mon, 03 Mar 2025 12:00:00 +0100</pubDate><guid isPermaLink="false">tag:x</guid></item>
</channel></rss>"#;

    #[test]
    fn the_newest_comes_first_and_what_is_escaped_is_read() {
        let all = items(FEED).unwrap();
        let told: Vec<(i64, &str, &str)> = all.iter().map(|news| (news.published, &*news.title, &*news.link)).collect();
        assert_eq!(
            told,
            [
                (1_740_999_600, "base >= 3 needs a hand", "https://example.org/2"),
                (1_738_400_400, "Older, with a <tag>", "https://example.org/1"),
            ]
        );
    }

    #[test]
    fn what_is_no_feed_is_an_error() {
        for text in ["", "no feed", "<html><body>404</body></html>", "<rss><item><title>x</item></rss>"] {
            assert!(items(text).is_err(), "{text}");
        }
        for end in (0..FEED.len()).filter(|end| FEED.is_char_boundary(*end)) {
            drop(items(&FEED[..end]));
        }
        let dated = FEED.replace("Sat, 01 Feb 2025 09:00:00 +0000", "yesterday");
        assert!(items(&dated).is_err());
    }
}

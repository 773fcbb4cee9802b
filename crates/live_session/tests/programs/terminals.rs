//! Programs on terminals.

use std::time::Duration;

use live::programs::{Input, Size, What};

use crate::ends::{Laptop, SIZE, both, bounded, hear_all, hear_until, script, type_in, words};

#[tokio::test(flavor = "multi_thread")]
async fn a_shell_answers_and_tells_how_it_ended() {
    let (cable, _home, _server, laptop) = both();
    let program = laptop.on_terminal(What::Shell).await;
    let mut viewing = laptop.attach(program).await;
    type_in(&viewing, "echo sum-$((40+2)); stty size; tty\n").await;
    cable.cut();
    let heard = hear_until(&mut viewing, "/dev/pts/").await;
    assert!(heard.text().contains("sum-42"), "{}", heard.text());
    assert!(heard.text().contains("24 80"), "{}", heard.text());
    assert_eq!(heard.pictures, 1, "nothing is painted again after a cut");
    cable.cut();
    type_in(&viewing, "exit 3\n").await;
    let heard = hear_all(&mut viewing).await;
    assert_eq!((heard.ended, heard.pictures), (Some((Some(3), None)), 0));
    bounded(async {
        while laptop.programs.list().await.unwrap()[0].viewers != 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert_eq!(
        bounded(viewing.input.send(Input::Typed("x".into()))).await,
        Err(live_session::laptop::Gone)
    );
}

fn size(rows: u16, columns: u16) -> Size {
    Size { rows, columns }
}

async fn wait_for_size(laptop: &Laptop, wanted: Size) {
    bounded(async {
        while laptop.programs.list().await.unwrap()[0].size != Some(wanted) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_smallest_who_may_type_decides_the_size() {
    let (_cable, _home, _server, laptop) = both();
    let program = laptop.on_terminal(words(&["cat"])).await;
    let attach = |size, read_only| bounded(laptop.programs.attach(program, size, read_only));
    let mut first = attach(Some(size(40, 100)), false).await.unwrap();
    wait_for_size(&laptop, size(40, 100)).await;
    let second = attach(Some(size(30, 120)), false).await.unwrap();
    let _reader = attach(Some(size(10, 10)), true).await.unwrap();
    let _unknown = attach(None, false).await.unwrap();
    let _nothing = attach(Some(size(0, 5)), false).await.unwrap();
    wait_for_size(&laptop, size(30, 100)).await;
    assert_eq!(bounded(laptop.programs.list()).await.unwrap()[0].viewers, 5);
    drop(second);
    wait_for_size(&laptop, size(40, 100)).await;
    bounded(first.input.send(Input::Resize(size(50, 90))))
        .await
        .unwrap();
    wait_for_size(&laptop, size(50, 90)).await;
    type_in(&first, "seen\n").await;
    let heard = hear_until(&mut first, "seen").await;
    let last = heard.sizes.last().copied();
    assert!(last.is_none_or(|last| last == size(50, 90)), "{last:?}");
    drop(first);
    bounded(async {
        while laptop.programs.list().await.unwrap()[0].viewers != 3 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    wait_for_size(&laptop, size(50, 90)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_only_reads_types_nothing() {
    let (_cable, _home, _server, laptop) = both();
    let program = laptop.on_terminal(words(&["cat"])).await;
    let mut reader = bounded(laptop.programs.attach(program, SIZE, true))
        .await
        .unwrap();
    let writer = laptop.attach(program).await;
    type_in(&reader, "secret\n").await;
    // More than may wait: what is dropped counts as taken.
    type_in(&reader, &"x".repeat(3 << 20)).await;
    type_in(&writer, "open\n").await;
    let heard = hear_until(&mut reader, "open").await;
    assert!(!heard.text().contains("secret") && !heard.text().contains("xxx"));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_comes_late_gets_the_picture() {
    let (_cable, _home, _server, laptop) = both();
    let program = laptop
        .on_terminal(script("echo early; read line; echo late"))
        .await;
    let mut first = laptop.attach(program).await;
    hear_until(&mut first, "early").await;
    let mut second = laptop.attach(program).await;
    let heard = hear_until(&mut second, "early").await;
    assert_eq!(heard.pictures, 1);
    type_in(&second, "\n").await;
    for viewing in [&mut first, &mut second] {
        let heard = hear_all(viewing).await;
        assert!(heard.text().contains("late") && heard.ended == Some((Some(0), None)));
    }
    // And who comes when it is over, the last one.
    let heard = hear_all(&mut laptop.attach(program).await).await;
    assert!(heard.text().contains("late") && heard.ended == Some((Some(0), None)));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_slow_gets_a_picture_in_place_of_ten_megabytes() {
    let (_cable, _home, _server, laptop) = both();
    let flood = "read line; head -c 10000000 /dev/zero | tr '\\0' 'x'; echo; echo over";
    let program = laptop.on_terminal(script(flood)).await;
    let mut viewing = laptop.attach(program).await;
    type_in(&viewing, "\n").await;
    // It waits for the viewer for a while, and not for ever.
    bounded(async {
        while laptop.programs.list().await.unwrap()[0].ended.is_none() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await;
    let heard = hear_all(&mut viewing).await;
    assert!(heard.text().contains("over"));
    assert_eq!(heard.pictures, 2, "at first, and of the end");
    assert!(heard.out.len() < 3_000_000, "{}", heard.out.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_fast_gets_all_of_ten_megabytes_while_the_connection_breaks() {
    let (cable, _home, _server, laptop) = both();
    let flood = "read line; head -c 10000000 /dev/zero | tr '\\0' 'x'; echo; echo over";
    let program = laptop.on_terminal(script(flood)).await;
    let mut viewing = laptop.attach(program).await;
    type_in(&viewing, "\n").await;
    let heard = tokio::select! {
        heard = hear_all(&mut viewing) => heard,
        () = cable.keep_cutting(Duration::from_millis(20)) => unreachable!(),
    };
    let count = heard.out.iter().filter(|byte| **byte == b'x').count();
    assert_eq!((count, heard.pictures), (10_000_000, 1));
}

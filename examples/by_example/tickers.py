"""Tickers: the same event again and again, until stopped."""

import dgo


def watch(ticker: dgo.Ticker, ticks: int) -> None:
    for n in range(1, ticks + 1):
        ticker.c.recv()
        print("tick", n)
    ticker.stop()


def main() -> None:
    ticker = dgo.Ticker(0.05)
    dgo.go(watch, ticker, 3).wait()  # ticks in main, counted elsewhere

    stop: dgo.Chan[None] = dgo.Chan()
    dgo.after_func(0.3, stop.close)
    chosen = dgo.select(dgo.recv(ticker.c), dgo.recv(stop))
    print("another tick" if chosen.index == 0 else "it has stopped")


if __name__ == "__main__":
    main()

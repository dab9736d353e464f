"""Names for tokens that nobody launched: two words and a ticker."""

from __future__ import annotations

import random

from localnet.traders.pictures import described_inline
from programs.pump_instructions import Token

_FIRST_WORDS = """
Amber Arctic Astral Atomic Blazing Brave Bronze Cactus Captain Caramel Cheeky Chrome Cobalt
Copper Coral Cosmic Crimson Crystal Curious Dapper Desert Digital Dizzy Electric Emerald Feral
Fluffy Flying Frosty Galactic Gentle Giga Golden Grumpy Happy Hidden Honey Humble Indigo
Infinite Iron Ivory Jade Jolly Jumbo Lazy Lucky Lunar Magic Marble Mellow Midnight Mighty
Minty Misty Moody Mossy Mystic Neon Nimble Noble Obsidian Paper Pastel Pixel Plum Polar Proud
Quantum Quiet Radiant Rapid Retro Ruby Rusty Salty Sapphire Secret Shiny Silent Silver Sleepy
Smoky Sneaky Solar Spicy Stellar Stormy Sunny Swift Tiny Turbo Velvet Vivid Wandering Wild
Wise Witty Zen Zesty
"""
_SECOND_WORDS = """
Albatross Alpaca Anchovy Armadillo Avocado Axolotl Badger Bagel Banjo Beaver Biscuit Bison
Bonsai Burrito Capybara Cat Cheetah Comet Condor Cookie Corgi Coyote Crab Cricket Croissant
Dingo Dolphin Donut Dragon Dumpling Eagle Falcon Ferret Finch Flamingo Fox Frog Gecko Giraffe
Gnome Goose Hamster Hedgehog Heron Hippo Husky Ibex Iguana Jackal Jaguar Kiwi Koala Lantern
Lemur Llama Lobster Lynx Mackerel Magpie Mango Marmot Meerkat Moose Moth Muffin Narwhal Newt
Noodle Octopus Orca Oryx Ostrich Otter Owl Panda Pangolin Parrot Pelican Penguin Pickle Pigeon
Piranha Platypus Pony Possum Puffin Quail Quokka Rabbit Raccoon Raven Robot Rooster Salmon
Seal Shiba Shrimp Sloth Sparrow Squid Tapir Teapot Tiger Toad Toucan Turnip Turtle Waffle
Walrus Weasel Whale Wolf Wombat Yak Zebra
"""
_FIRST, _SECOND = _FIRST_WORDS.split(), _SECOND_WORDS.split()
_TICKER_LETTERS = 10


def coin_name(rng: random.Random, taken: set[str]) -> Token:
    """A token's name, ticker and description with a picture; `taken` holds the tickers in use."""
    first, second = rng.choice(_FIRST), rng.choice(_SECOND)
    tickers = (second, first[0] + second, first[:2] + second[:3], first + second)
    choices = [ticker.upper()[:_TICKER_LETTERS] for ticker in tickers]
    free = [ticker for ticker in choices if ticker not in taken]
    ticker = rng.choice(free) if free else f"{choices[0][:7]}{len(taken)}"
    return Token(f"{first} {second}", ticker, described_inline(f"{first} {second} {ticker}"))

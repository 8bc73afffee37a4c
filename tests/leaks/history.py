"""A random history of a workspace: what people are and where, what the bot learns of them, and what it shows to whom.

Each secret is a word that nobody can guess. Whatever is shown in a place is searched for words, and for channels that it names:
nobody who reads along there may be without access to where each came from.
"""

import itertools
from contextlib import suppress
from dataclasses import dataclass
from random import Random
from typing import Any, cast

from agent.embeddings.port import Embedder
from agent.memory.attachments import Nowhere
from agent.memory.items import EVERYBODY, NewItem, Source, document_key, message_key
from agent.run.memory_effects import LongTerm, MemoryEffects
from agent.session.steps import Halted, Recalled
from agent.store.fenced import Pool, rows
from agent.store.instructions import Instructions
from agent.store.memory_documents import Documents
from agent.store.memory_items import Items
from agent.store.memory_search import BOUNDS, MemorySearch
from agent.store.memory_values import Values
from agent.tool.definition import Result, ToolContext, ToolError, preview, registry, run
from agent.tool.validation import validate
from agent.types import Place, Preview, Said
from bot.home.memories import Memories
from bot.slack.readers import SlackReaders
from bot.slack.tool_port import SlackPort
from tests.leaks.changes import Changes, settled
from tests.leaks.home import Home
from tests.leaks.judge import WORD, Judge
from tests.leaks.slack import Slack
from tests.leaks.talk import Talk
from tools.memory import Memory, memory_tools
from tools.slack.search import readable_channels

TOPICS = ("launch", "budget", "salary", "merger", "code")
KEYS, OWNERS = ("language", "tone", "colour"), ("user", "user", "channel", "workspace")
ITEMS = "SELECT id, channel, kind, body FROM memory WHERE team = %s ORDER BY id"
_numbers = itertools.count(1)


@dataclass
class Bench:
    """What histories share: they are of different workspaces."""

    pool: Pool
    values: Values
    embedder: Embedder


class History:
    """One, with its findings.

    Wide because it is all that happens in a workspace, one method a kind.
    """

    def __init__(self, seed: int, acts: int, bench: Bench) -> None:
        self.random, self.acts, self.bench = Random(seed), acts, bench
        self.number = next(_numbers)
        self.team = f"TLEAK{self.number}"
        self.world = settled(self.random)
        self.slack = Slack(self.world, self.team, self.random)
        client, items = cast(Any, self.slack), Items(bench.pool)
        self.readers = SlackReaders(client, self.team, lambda: self.world.clock)
        self.port = SlackPort(client, client, self.team, self.readers)
        search = MemorySearch(bench.pool, self.random.choice((BOUNDS, {**BOUNDS, "looked_at": 0})))  # both ways of searching
        embedder = bench.embedder if self.random.random() < 0.6 else None
        self.long_term = LongTerm(self.readers, search, bench.values, items, embedder)
        self.memory, self.tools = MemoryEffects(self.long_term), registry(memory_tools(self._remembered()))
        self.talks: list[Talk] = []
        self.messages: dict[str, str] = {}  # by key: the session of its thread
        self.ts = itertools.count(1)
        self.log: list[str] = []
        self.judge = Judge(self.world, self.number)
        self.changes = Changes(self.world, self.slack, self.random, self.log)
        self.home = Home(Memories(self._remembered(), self.team), bench.values, self.team, self.judge)

    def _remembered(self) -> Memory:
        """What the tools remember with; there are no files to be had."""
        pool = self.bench.pool
        return Memory(self.long_term, Documents(pool), Nowhere(), Instructions(pool), self.readers.administers)

    async def play(self) -> list[str]:
        """Play it until something is wrong; what is."""
        self.judge.tally["histories"] += 1
        for _ in range(self.acts):
            await self.act()
            if self.judge.findings:
                break
        for table in ("memory", "memory_gone", "memory_value"):
            async with self.bench.pool.connection() as connection:
                await connection.execute(cast(Any, f"DELETE FROM {table} WHERE team = %s"), (self.team,))
        return self.judge.findings

    async def act(self) -> None:
        """Do one thing."""
        kinds = {self.change: 6, self.pass_time: 3, self.speak: 5, self.look: 5, self.keep: 3, self.add_document: 1}
        kinds |= {self.rest: 2, self.look_at_home: 3, self.delete_message: 1, self.put_right: 2, self.search_slack: 1}
        [kind] = self.random.choices(list(kinds), list(kinds.values()))
        await kind()

    async def change(self) -> None:
        """The workspace changes."""
        self.changes.change()

    async def pass_time(self) -> None:
        """Nothing happens for a while."""
        self.changes.pass_time()

    # ------------------------------------------------------------------------------------------ conversations

    def _somewhere(self) -> tuple[Talk, str]:
        """A thread, old or new, and somebody who can speak there."""
        now = self.world.now
        open_to: dict[str, list[str]] = {
            id: [one for one in sorted(room.members) if one in now.active] for id, room in now.rooms.items() if room.bot
        }
        places = [id for id, there in open_to.items() if there] or ["D0"]
        stays = bool(self.talks) and self.talks[-1].place.channel in places and self.random.random() < 0.4
        channel = self.talks[-1].place.channel if stays else self.random.choice(places)
        old = [talk for talk in self.talks if talk.place.channel == channel]
        if old and self.random.random() < 0.5:
            talk = self.random.choice(old)
        else:
            talk = Talk.begun(Place(team=self.team, channel=channel, thread_ts=f"{next(self.ts)}.0"))
            self.talks.append(talk)
        return talk, self.random.choice(open_to.get(channel) or ["M0"])

    async def _turn(self, talk: Talk, user: str, text: str) -> Said | None:
        """Somebody speaks, and memory is recalled. None: the turn has ended for a good reason."""
        said = Said(user=user, text=text, ts=f"{next(self.ts)}.0")
        self.messages[message_key(talk.place.channel, said.ts)] = talk.session.id
        for word in WORD.findall(text):
            self.judge.secrets[word].said(message_key(talk.place.channel, said.ts), talk.place.channel)
        self.log.append(f"{self.world.clock}: {user} in {talk.place.channel}, {talk.place.thread_ts}: {text}")
        step = await talk.asked(said, self.memory)
        if isinstance(step, Halted):
            self.judge.tally["ended since the audience grew"] += 1
            return None
        assert isinstance(step, Recalled)
        talk.told |= self.judge.shown("recall", talk.place.channel, step.text)
        self.judge.in_context(talk.place.channel, talk.told)
        return said

    def _new_secret(self) -> tuple[str, str]:
        word = self.judge.new_word()
        return word, f"The secret of the {self.random.choice(TOPICS)} is {word}"

    async def _call(self, talk: Talk, said: Said, user: str, name: str, **arguments: Any) -> Result:
        """Run a tool, previewed first where it can be, as approved."""
        tool, validated = self.tools[name], validate(self.tools, name, arguments)
        assert not isinstance(validated, Result), validated
        context = ToolContext(talk.session.id, user, f"key-{said.ts}", talk.place, asked=(said,))
        if tool.preview is not None:
            foreseen = await preview(tool, validated, context)
            if isinstance(foreseen, Result):
                return foreseen
            assert isinstance(foreseen, Preview)
            self.judge.shown(f"the preview of {name}", talk.place.channel, foreseen.model_dump_json())
            if self.random.random() < 0.3:  # nobody looks at the card for a while
                self.changes.change()
                self.changes.pass_time()
            context = ToolContext(talk.session.id, user, f"key-{said.ts}", talk.place, bound=foreseen.bound, asked=(said,))
        return await run(tool, validated, context)

    async def speak(self) -> None:
        """Somebody says a secret; perhaps they have it remembered."""
        talk, user = self._somewhere()
        word, text = self._new_secret()
        said = await self._turn(talk, user, text)
        if said is None:
            return
        if self.random.random() < 0.6:
            everybody = self.random.random() < 0.3
            result = await self._call(talk, said, user, "remember_fact", fact=text, quote=text, everybody=everybody)
            if result.ok and everybody:
                self.judge.secrets[word].said(message_key(talk.place.channel, said.ts), EVERYBODY)
            talk.ran(self.tools["remember_fact"], result)
        await self._waited(talk)

    async def _waited(self, talk: Talk) -> None:
        """Perhaps a turn waits for people before the model is asked again."""
        if self.random.random() < 0.3:
            for _ in range(self.random.randint(1, 3)):
                self.random.choice((self.changes.change, self.changes.pass_time))()
            if not await talk.goes_on(self.memory):
                self.judge.tally["ended since the audience grew"] += 1
                return
            self.judge.in_context(talk.place.channel, talk.told)
        talk.answered()

    async def look(self) -> None:
        """Somebody asks, and the model looks for more."""
        talk, user = self._somewhere()
        question = self.random.choice((f"What is the secret of the {self.random.choice(TOPICS)}?", "What do you know?"))
        said = await self._turn(talk, user, question)
        if said is None:
            return
        for _ in range(self.random.randint(0, 2)):
            name = self.random.choice(("search_memory", "get_memory", "list_memory"))
            words, about = f"secret {self.random.choice(TOPICS)}", self.random.choice(("me", "channel"))
            wanted = {"search_memory": {"words": words}, "list_memory": {"about": about}}.get(name, {})
            result = await self._call(talk, said, user, name, **wanted)
            talk.told |= self.judge.shown(name, talk.place.channel, result.text())
            talk.ran(self.tools[name], result)
        await self._waited(talk)

    async def keep(self) -> None:
        """Somebody has a value kept, or deleted."""
        talk, user = self._somewhere()
        said = await self._turn(talk, user, "please see to my preference")
        if said is None:
            return
        owner, key = self.random.choice(OWNERS), self.random.choice(KEYS)
        name = {"user": f"user:{user}", "channel": f"channel:{talk.place.channel}", "workspace": "workspace"}[owner]
        if self.random.random() < 0.7:
            word, text = self._new_secret()
            result = await self._call(talk, said, user, "set_memory", owner=owner, kind="preference", key=key, value=text)
            assert result.ok, result
            self.judge.drop(f"value:{name}:{key}")
            self.judge.secrets[word].said(f"value:{name}:{key}", EVERYBODY if owner == "workspace" else talk.place.channel)
        else:
            result = await self._call(talk, said, user, "delete_memory", owner=owner, key=key)
            if result.ok:
                self.judge.shown("deleting a value", talk.place.channel, self.judge.words_of(f"value:{name}:{key}"))
                self.judge.drop(f"value:{name}:{key}")
        talk.answered()

    async def add_document(self) -> None:
        """An operator adds a document, for a channel or for everybody."""
        channel = self.random.choice([EVERYBODY, *self.world.now.rooms])
        word, text = self._new_secret()
        source = Source(key=document_key(f"{word[-3:]}.md"), quote=text)
        self.judge.secrets[word].said(f"document:{word}", channel)
        item = NewItem(channel=channel, kind="document", text=text, source=source, group=source.key)
        await self.long_term.items.learn(self.team, item, await self.long_term.embedded(text))
        self.log.append(f"{self.world.clock}: {channel!r} has a document: {text}")

    async def rest(self) -> None:
        """What was said in a thread is read for what is worth remembering."""
        idle = [talk for talk in self.talks if not talk.session.turn.open and talk.said.unlearnt]
        if idle:
            talk = self.random.choice(idle)
            self.log.append(f"{self.world.clock}: {talk.place.channel}, {talk.place.thread_ts} is learnt from")
            await talk.rested(self.memory, WORD)

    async def delete_message(self) -> None:
        """A message is deleted, with all that came of it."""
        if self.messages:
            key = self.random.choice(list(self.messages))
            self.log.append(f"{self.world.clock}: {key} is deleted")
            await self.long_term.items.message_gone(self.team, key, self.messages[key])
            self.judge.drop(key)

    async def put_right(self) -> None:
        """The model forgets or corrects what it may know of, or has guessed the number of."""
        there = await rows(self.bench.pool, ITEMS, cast(Any, (self.team,)))
        if not there:
            return
        talk, user = self._somewhere()
        some = self.random.sample(there, min(len(there), self.random.randint(1, 2)))
        if self.random.random() < 0.5:
            if (said := await self._turn(talk, user, "forget that")) is None:
                return
            name, result = "forget", await self._call(talk, said, user, "forget", ids=[id for id, *_ in some])
        else:
            word, text = self._new_secret()
            if (said := await self._turn(talk, user, text)) is None:
                return
            arguments = {"id": some[0][0], "fact": text, "quote": text, "was_true": self.random.random() < 0.3}
            name, result = "correct_fact", await self._call(talk, said, user, "correct_fact", **arguments)
            if result.ok:
                self.judge.secrets[word].said(message_key(talk.place.channel, said.ts), some[0][1])
        self.log.append(f"{self.world.clock}: {name} {some}: {result.text()[:200]}")
        self.judge.shown(name, talk.place.channel, result.text())
        left = {row[0] for row in await rows(self.bench.pool, ITEMS, cast(Any, (self.team,)))}
        # Summaries of the same conversations go along, and nobody sees them.
        gone = [(channel, body) for id, channel, kind, body in some if id not in left and kind != "summary"]
        self.judge.shown(f"what {name} took away", talk.place.channel, " ".join(body for _, body in gone))
        self.judge.forgotten(gone)
        talk.ran(self.tools[name], result)
        talk.answered()

    async def look_at_home(self) -> None:
        """Somebody opens their Home tab, most often one of those who spoke."""
        spoke = [(one, talk.place.channel) for talk in self.talks for one in talk.session.turn.speakers]
        await self.home.looked_at(self.random, spoke, self.changes)

    async def search_slack(self) -> None:
        """Somebody has Slack itself searched: in which channels?"""
        talk, user = self._somewhere()
        with suppress(ToolError):
            channels, _ = await readable_channels(self.port, user, talk.place)
            self.judge.shown("search in Slack", talk.place.channel, " ".join(f"<#{channel.id}>" for channel in channels))

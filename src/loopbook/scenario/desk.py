"""Settings of the support desk: its documents and past dialogues, costs of its acts, staff, text generator."""

from pydantic import Field

from loopbook.scenario.settings import Settings

FOLDER = "notebooks/scenarios/desk"


class DeskCosts(Settings):
    """What a conversation's acts cost, in the scenario's currency."""

    wrong: float = Field(8.0, gt=0, description="an answer that does not answer, which the customer takes for one")
    clarification: float = Field(1.0, ge=0, description="a question back: the customer's time and patience")
    person: float = Field(4.0, gt=0, description="a person who takes the conversation over")
    waiting: float = Field(0.1, ge=0, description="a minute that a customer waits for a person")
    lost: float = Field(6.0, ge=0, description="a customer who leaves without an answer")


class Generator(Settings):
    """A text generator behind any address that speaks OpenAI's chat completions; without one, answers are extracts."""

    address: str = Field(pattern=r"^https?://", description="address that ends before /chat/completions")
    model: str
    key_variable: str | None = Field(None, description="environment variable that holds the key; never the key itself")
    seconds: float = Field(10.0, gt=0, description="time after which the extract is taken instead")


class DeskSettings(Settings):
    """The support desk."""

    documents: str = Field(f"{FOLDER}/documents", description="folder of Markdown, HTML and text files to answer from")
    dialogues: str = Field(f"{FOLDER}/dialogues.csv", description="past dialogues: question, answer, rating (1 to 5)")
    titles: str = Field(f"{FOLDER}/intents.csv", description="what customers read of an intent: title_en, title_zh")
    conversations: str = Field(
        f"{FOLDER}/conversations.jsonl", description="dialogues by which the desk is calibrated and judged"
    )
    abuse: str = Field(f"{FOLDER}/abuse.csv", description="lines that are harmful, and lines that only look so")
    outside: str = Field(f"{FOLDER}/outside.csv", description="questions of no intent: text, kind (far, near)")
    retrieval: str = Field(
        f"{FOLDER}/retrieval.csv", description="questions, and the document and heading that answer each"
    )
    outside_level: float = Field(
        0.05, gt=0, lt=0.5, description="share of questions inside the intents that may be taken for outside ones"
    )
    played: int = Field(
        25, ge=2, description="dialogues, questions and outside questions that are played with the desk, each at most"
    )
    staff: int = Field(12, ge=1, description="people who take conversations over at the same time")
    minutes: float = Field(6.0, gt=0, description="mean minutes of a person for a conversation")
    patience: float = Field(8.0, gt=0, description="mean minutes that a customer waits for a person before leaving")
    costs: DeskCosts = DeskCosts()
    generator: Generator | None = None

    @property
    def files(self) -> tuple[str, ...]:
        """Files and folders that the desk is made of, from the project's root."""
        return (self.documents, self.dialogues, self.titles, self.conversations, self.abuse, self.outside,
                self.retrieval)  # fmt: skip

"""Replace the access key by a new one without a moment in which CI has none.

Two phases. The first makes a second key, keeps its secret before anything else is done, proves it and puts it
everywhere; until then the old key serves. The second takes the old key away. What is left to do after a cut is
read from the world by `flow.rotation`, so every line here may be the last that a run comes to.
"""

from __future__ import annotations

import time
from dataclasses import replace

from ecrwiz.flow import ci_key, copies, infra, proving, rotation
from ecrwiz.flow.context import Context, Skipped, Step, View
from ecrwiz.flow.events import Question, StepId
from ecrwiz.flow.github_write import set_since, targets
from ecrwiz.flow.journal import as_json
from ecrwiz.flow.same_place import check_same_place
from ecrwiz.flow.second_key import Rotation
from ecrwiz.flow.steps import credentials, github, verify
from ecrwiz.flow.variable_files import see_to_values
from ecrwiz.model.errors import EcrwizError
from ecrwiz.model.redact import Secret
from ecrwiz.model.results import Proof, ProvisionResult, RotateResult, VerifyResult
from ecrwiz.services import keychain
from ecrwiz.services.iam import AccessKey

__all__ = ["STEP"]


async def _run(context: Context) -> RotateResult | Skipped:
    made = context.need(ProvisionResult)
    if not context.answers.has_key:
        return Skipped("the CI identity is a role, which has no key that could be replaced")
    who = await infra.identity(context)
    check_same_place(context, who.account, "the key was not replaced")
    await infra.check_owners(context)
    return await _Rotation(context, made).run()


class _Rotation(Rotation):
    """One run of the step; the note on disk tells the next one what this one did."""

    proofs: tuple[Proof, ...] = ()

    async def run(self) -> RotateResult:
        """Do what is left to do.

        Raises:
            EcrwizError: AWS, GitHub, the keyring or Terraform refused, or a person has to decide; nothing is lost.
        """
        world = await rotation.look(self.context, self.made)
        todo = rotation.standing(world)
        if todo.stage == "ask" and world.note is not None:
            known = await self._ask_github(world.keys[todo.new], todo.old)
            world = replace(world, note=replace(world.note, github=known))
            todo = rotation.standing(world)
        self.note = world.note or rotation.begin_note(self.made, todo.old, world.pending[1])
        if world.note is not None:
            self.context.say("A rotation of the access key was cut; going on where it stopped.")
        if todo.stage == "make":
            todo = await self.make(todo, frozenset(world.keys))
        else:
            await self._take_up(todo.old, marked=self.note.nonce in world.marks)
        if todo.stage == "use":
            await self._use(todo.new)
        secret = await self._secret(todo.new)
        await self._retire(todo.old, todo.new, secret)
        await self._follow(todo.new)
        await self.unmark()
        rotation.forget(self.context)
        for line in copies.warnings(self.context.paths, todo.old):
            self.context.say(line)
        self.done(8, f"{todo.new} has taken the place of {todo.old or 'the key that was gone'}")
        return RotateResult(todo.old, todo.new, self.note.backend, self.note.github or "")

    async def _ask_github(self, new: AccessKey, old: str) -> str | None:
        """Where GitHub has the new key, for the note; None when it has the old one still.

        Both keys exist, and one has to go: it must not be the one that CI works with.

        Raises:
            EcrwizError: GitHub cannot be asked, or has the one key here and the other there.
        """
        found = await set_since(self.context, new.created)
        got = [str(target) for target, since in found.items() if since]
        not_yet = [str(target) for target, since in found.items() if not since]
        if not got:
            return None
        if not_yet:
            delete = f"aws iam delete-access-key --user-name {self.made.ci_user} --access-key-id"
            raise EcrwizError(
                f"The rotation was cut while GitHub was getting the key {new.id}: {', '.join(got)} has it, "
                f"{', '.join(not_yet)} has {old} still, and nobody here has the new key's secret.",
                f"Delete the key that you need less, and run again, which puts a third one everywhere: {delete} {old} "
                f"(or {new.id})",
            )
        self.context.say(f"GitHub has the access key {new.id}, and it alone has the secret.")
        return ", ".join(dict.fromkeys(target.repository for target in found))

    async def _take_up(self, old: str, *, marked: bool) -> None:
        """Go on with a rotation that was cut, by this folder or by one that is gone."""
        await self.check_destinations()
        if not marked:
            self.write(old=old)
            await self.mark()

    async def _use(self, new: str) -> None:
        """Prove the new key and put it everywhere; the old one serves until this is done."""
        stored = await self.keyring.read(self.next)
        if stored is None or ci_key.kept_id(stored) != new:
            raise EcrwizError(f"The keyring lost the secret of {new}.", "Run again: ecrwiz credentials rotate")
        context, (_, secret) = self.context, keychain.unpack(stored)
        context.tools.redact.add(secret)
        if not self.note.new:
            self.write(new=new)
        await self._prove(new, secret)
        self.done(3, "the new key works")
        if targets(context):
            self.write(github=rotation.SENDING)
        repository = await github.replace_key(context, new, secret)
        self.write(github=repository)
        self.done(4, f"{repository} has the new key" if repository else "it was never exported to GitHub")
        await self._keep(new, secret)
        self.write(switched=time.time())
        self.done(5, "the new key is in use")

    async def _prove(self, new: str, secret: Secret) -> None:
        """What `ecrwiz verify` tries, with the new key, before anybody else gets it."""
        context, key = self.context, (new, secret)
        who = await ci_key.prove(self.made, key, context.say)
        context.say(f"AWS knows the new key as {who.arn}.")
        self.proofs = await proving.prove_key(context, self.made, key)
        wrong = [proof for proof in self.proofs if proof.wrong]
        context.say(*map(verify.row, wrong), f"{len(self.proofs) - len(wrong)} of {len(self.proofs)} proofs are right.")
        lacking = [proof for proof in wrong if proof.expected == "allowed"]
        if lacking:
            raise EcrwizError(
                f"The new key {new} may not {lacking[0].title} ({lacking[0].action}), so the old one stays in use.",
                f"{verify.why_wrong(lacking)} Then run again: ecrwiz credentials rotate",
            )

    async def _keep(self, new: str, secret: Secret) -> None:
        """The keyring's entry and the journal name the new key; then the rotation's own entry goes."""
        value = keychain.pack(new, secret)
        backend = await self.keyring.probe()
        if backend.usable:
            await self.keyring.store(self.entry, value)
            self.write(backend=backend.name)
            self.context.say(f"The new secret is in {backend.name}: entry {self.entry}.")
        else:
            self.keyring.hold(self.entry, value)
        await self._amend(new, backend.name if backend.usable else "")
        await self.keyring.delete(self.next)

    async def _amend(self, new: str, backend: str) -> None:
        """What the journal knows of the key becomes true again, so that no step is stale by the rotation."""
        context, journal = self.context, self.context.project.journal
        steps = (credentials.STEP, verify.STEP, github.STEP)
        before = {step.id: await step.inputs(View(context.project, step.id)) for step in steps}
        kept = {"access_key_id": new, "backend": backend, "entry": self.entry if backend else ""}
        outputs: dict[StepId, dict[str, object]] = {
            StepId.CREDENTIALS: dict(kept),
            StepId.VERIFY: as_json(VerifyResult(self.proofs)) if self.proofs else {},
            StepId.GITHUB: {"access_key_id": new} if self.note.github else {},
        }
        with journal.at_once():
            journal.amend(StepId.PROVISION, {"aws_iam_access_id": new, "aws_iam_access_key": ""}, {})
            for step in steps:
                journal.amend(step.id, outputs[step.id], {})
            for step in steps:
                now = await step.inputs(View(context.project, step.id))
                journal.amend(step.id, {}, {name: now[name] for name in now if now[name] != before[step.id].get(name)})
            if any(proof.wrong for proof in self.proofs):
                journal.spoil(StepId.VERIFY, "the new key may do what it must not")
        self.made = context.need(ProvisionResult)

    async def _secret(self, new: str) -> Secret | None:
        """The new secret; None when GitHub alone has it, after a cut without a keyring."""
        stored, _ = await ci_key.read_quietly(self.context, self.entry)
        if stored is None or ci_key.kept_id(stored) != new:
            return None
        return self.context.tools.redact.add(keychain.unpack(stored)[1])

    async def _retire(self, old: str, new: str, secret: Secret | None) -> None:
        """Take the old key away: first so that it could come back, then for good."""
        if self.made.aws_iam_access_id != new:  # cut after the keyring had it and before the journal did
            await self._amend(new, self.note.backend if secret is not None else "")
        user, context = self.made.ci_user, self.context
        if old not in {key.id for key in await self.iam.access_keys(user)}:
            return
        await self._check_use(old)
        self.aws("update-access-key", "--access-key-id", old, "--status", "Inactive")
        await self.iam.set_access_key(user, old, active=False)
        try:
            if secret is not None:
                await ci_key.try_out(self.made, (new, secret), context.say)
        except EcrwizError:
            await self.iam.set_access_key(user, old, active=True)
            context.say(f"The old key {old} is active again, for the new one could not be proven without it.")
            raise
        self.done(6, f"{old} is refused from now on, and {new} works")
        await self.delete(old)
        self.done(7, f"{old} is deleted")

    async def _check_use(self, old: str) -> None:
        """Show when the old key was last used; ask when that was after the new one had taken its place."""
        context, used = self.context, await self.iam.last_use(old)
        if used is None:
            context.say(f"IAM has noted no use of {old}.")
            return
        words = f"{old} was last used at {used.when:%Y-%m-%d %H:%M} UTC for {used.service} in {used.region}"
        context.say(f"{words}, as far as IAM has noted.")
        if not self.note.switched or used.when.timestamp() <= self.note.switched or context.approvals.everything:
            return
        body = (f"{words}, after the new key had taken its place everywhere that ecrwiz knows.",)
        title = f"Delete {old} though something still uses it?"
        question = Question(context.step, "confirm", title, body, yes="Delete", no="Stop")
        if await context.ask(question) is not True:
            raise EcrwizError(
                f"{words}, after the new key had taken its place: it was not deleted, and both work.",
                "Give the new key to whoever uses it (ecrwiz credentials where), then run: ecrwiz credentials rotate "
                "(or with --yes, to delete it all the same)",
            )

    async def _follow(self, new: str) -> None:
        """Terraform's state names the new key, so that its next plan does not bring a third."""
        context = self.context
        infra.check_files(context)
        await infra.check_providers(context)
        terraform = context.tools.terraform(context.lines, context.command)
        await terraform.init()
        state = await infra.follow_key(context, terraform, await terraform.state())
        held = state.resources.get(infra.ACCESS_KEY, {}).get("id")
        if held != new:  # no keyring could tell which key is in use
            see_to_values(context.answers, context.paths.infra, context.paths.root)
            if held:
                await terraform.forget(infra.ACCESS_KEY)
            await terraform.adopt(infra.ACCESS_KEY, new)
            await terraform.refresh(infra.ACCESS_KEY)
        context.say(f"Terraform's state names the access key {new}.")


async def _inputs(_: View) -> dict[str, str]:
    return {}  # asked for, it is always done


STEP = Step(
    id=StepId.ROTATE,
    title="Replace the access key",
    run=_run,
    inputs=_inputs,
    needs=(StepId.PROVISION, StepId.CREDENTIALS),
)

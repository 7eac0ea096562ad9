# SPDX-License-Identifier: MIT
"""Commands for gdb that know hoop's tasks: hoop-tasks lists them, hoop-bt prints their backtraces.

    gdb -x tools/hoop-gdb.py PROGRAM            (or, inside of gdb: source tools/hoop-gdb.py)

They work on a live process and on a core file, and change nothing in either: a suspended task's saved registers are
shown to gdb as the caller of the frame that it really stands in, and its own unwinder does the rest. What is relied on:
the debug information of libhoop, and the layout of a suspended stack, which src/coro/switch_*.h describe.
"""

import re
from contextlib import contextmanager

import gdb
import gdb.unwinder

# The frames of the switch itself, always inlined, say nothing: a task's backtrace begins above them.
SWITCH = ("switch_stacks", "coro_switch")


# ---- reading hoop's structs ----


# A function of each file whose structs are needed. Others may have structs of the same name, and of a static library
# only what is used is in the program.
BESIDE = {
    "struct hoop_loop": "hoop_new_event_loop_with",
    "struct hoop_task": "hoop_task_id",
    "struct future_wait": "hoop_future_await",
}


def type_of(name):
    function = gdb.lookup_global_symbol(BESIDE[name])
    if function is None:
        raise gdb.GdbError(
            "No debug information of hoop: libhoop was built without -g or stripped, or the program does not use it."
        )
    try:
        return gdb.lookup_type(name, function.symtab.static_block())
    except gdb.error:
        raise gdb.GdbError(f"hoop's debug information lacks {name}: is this script of another version?") from None


def offset_of(struct, path):
    """How far the field PATH ("future.link") lies behind the start of STRUCT, in bytes."""
    offset = 0
    for name in path.split("."):
        field = struct[name]
        offset += field.bitpos // 8
        struct = field.type
    return offset


def container_of(pointer, struct, path):
    return gdb.Value(int(pointer) - offset_of(struct, path)).cast(struct.pointer())


def walk(head, struct, path):
    """The structs on a hoop_link list, as pointers. HEAD is a value in memory."""
    previous, link = head.address, head["next"]
    while int(link) != int(head.address):
        if int(link["prev"]) != int(previous):
            raise gdb.GdbError("The list of tasks is broken: memory is corrupt, or hoop is amid a change of it.")
        yield container_of(link, struct, path)
        previous, link = link, link["next"]


class Task:
    """A task, read once; POINTER is the hoop_task *."""

    def __init__(self, pointer):
        self.pointer = pointer
        self.address = int(pointer)
        self.id = int(pointer["id"])
        self.name = pointer["name"].string(errors="replace")
        self.has_stack = int(pointer["stack"]) != 0

    def __str__(self):
        return f"#{self.id} '{self.name}'"


class Loop:
    """An event loop and its unfinished tasks, oldest first."""

    def __init__(self, pointer):
        self.address = int(pointer)
        self.tasks, self.current, self.starts = [], None, {}
        if int(pointer["extension"]) == 0:  # no task was ever made
            return
        task = type_of("struct hoop_task")
        scheduler = pointer["extension"].cast(task["scheduler"].type)
        known = walk(scheduler["tasks"], task, "future.link")  # those that have finished and are still referred to too
        self.tasks = [Task(each) for each in known if not each["future"]["done"]]
        self.current = int(scheduler["current"])
        coro = offset_of(task, "coro")  # a task that waits for another's eager start is found by its coroutine
        self.starts = {int(each.pointer["starter"]) - coro: each for each in self.tasks if int(each.pointer["starter"])}

    def runs(self, task):
        return task.address == self.current

    def state_of(self, task):
        """What it does, in the words of hoop_print_tasks."""
        if self.runs(task):
            state = "runs"
        elif task.address in self.starts:
            state = f"starts {self.starts[task.address]}"
        elif not task.has_stack:
            state = "has not begun"
        else:
            state = waiting(task.pointer["wait"]) or "is ready"
        return state + (", is being cancelled" if int(task.pointer["cancelling"]) > 0 else "")

    def find(self, wanted):
        """The tasks that are called WANTED: an id, with or without #, a name, or "all"."""
        if wanted == "all":
            return self.tasks
        found = [task for task in self.tasks if wanted in (str(task.id), f"#{task.id}")]
        found = found or [task for task in self.tasks if task.name == wanted]
        if not found:
            raise gdb.GdbError(f"No unfinished task is called {wanted}; hoop-tasks lists them.")
        return found


def waiting(wait):
    """What the task does that waits with WAIT, which lies on its stack; None if it was woken, or does not wait."""
    if int(wait) == 0:
        return None
    try:
        verb = wait["kind"]["verb"].string(errors="replace")
        return verb + target_of(wait) if int(wait["task"]) != 0 else None
    except gdb.MemoryError:
        return "waits, but its stack cannot be read"


def target_of(wait):
    """ #3 'name' or " a future" if WAIT is for one of these, else nothing."""
    kinds = [gdb.lookup_global_symbol(name) for name in ("future_wait_cancelling", "future_wait_shielding")]
    if int(wait["kind"]) not in [int(kind.value().address) for kind in kinds if kind is not None]:
        return ""
    future = container_of(wait, type_of("struct future_wait"), "wait")["future"]
    if not future["is_task"]:
        return " a future"
    return f" {Task(container_of(future, type_of('struct hoop_task'), 'future'))}"


# ---- which loop ----


def need_thread():
    if gdb.selected_thread() is None or not gdb.selected_thread().is_valid():
        raise gdb.GdbError("Nothing to look at: start the program, attach to it, or load a core file.")
    return gdb.selected_thread()


def running_loop():
    """The hoop_loop * that the selected thread runs, 0 if it runs none."""
    type_of("struct hoop_loop")  # says so if there is no debug information
    variable = gdb.lookup_global_symbol("running_loop")
    try:
        return variable.value(gdb.selected_frame())
    except gdb.error as error:
        raise gdb.GdbError(f"Cannot read which loop this thread runs ({error}); name the loop.") from None


@contextmanager
def selection_kept():
    """Goes back to the thread and the frame that are selected now."""
    thread, level = gdb.selected_thread(), gdb.selected_frame().level()
    try:
        yield
    finally:
        thread.switch()
        gdb.execute(f"select-frame {level}", to_string=True)


def threads_with_loop():
    """The numbers of the threads that run a loop."""
    numbers = []
    with selection_kept():
        for thread in gdb.selected_inferior().threads():
            thread.switch()
            if int(running_loop()) != 0:
                numbers.append(thread.num)
    return sorted(numbers)


def find_loop(expression):
    """The loop that EXPRESSION points to, or without one that of the selected thread."""
    thread = need_thread()
    if expression:
        loop = type_of("struct hoop_loop")
        try:
            value = gdb.parse_and_eval(expression)
        except gdb.error as error:
            raise gdb.GdbError(str(error)) from None
        if value.type.strip_typedefs().code != gdb.TYPE_CODE_PTR or int(value) == 0:
            raise gdb.GdbError(f"{expression} is no pointer to a loop.")
        return Loop(value.cast(loop.pointer()))
    pointer = running_loop()
    if int(pointer) != 0:
        return Loop(pointer)
    others = threads_with_loop()
    hint = f"threads that do: {', '.join(map(str, others))}" if others else "no other does"
    raise gdb.GdbError(f"Thread {thread.num} runs no loop ({hint}). Select another thread, or name the loop.")


# ---- the backtrace of a suspended task ----


class Processor:
    """The registers that a switch of stacks saves, and where: SAVED are the offsets, from the saved stack pointer, of
    the address to resume at and of the frame pointer. These two lie below the frame of the function that switches."""

    FRAME = 16  # the offset of that frame

    def __init__(self, pc, sp, fp, saved):
        self.pc, self.sp, self.fp = pc, sp, fp
        self.saved_pc, self.saved_fp = saved


PROCESSORS = {
    "i386:x86-64": Processor("rip", "rsp", "rbp", saved=(0, 8)),
    "aarch64": Processor("pc", "sp", "x29", saved=(8, 0)),
}


class FrameId:
    def __init__(self, sp, pc):
        self.sp, self.pc = sp, pc


class SuspendedUnwinder(gdb.unwinder.Unwinder):
    """While `registers` is set, makes a suspended task the caller of the frame whose stack pointer is `real_sp`."""

    def __init__(self):
        super().__init__("hoop")
        self.enabled = False
        self.processor = self.real_sp = self.registers = None

    def __call__(self, frame):
        real = frame.read_register(self.processor.sp)
        if int(real) != self.real_sp:
            return None
        # An id below the task's stack: else gdb takes the way from one stack to another for a corrupt stack.
        below = gdb.Value(self.registers[self.processor.sp] - 16).cast(real.type)
        info = frame.create_unwind_info(FrameId(below, frame.read_register(self.processor.pc)))
        for name, value in self.registers.items():
            info.add_saved_register(name, gdb.Value(value).cast(frame.read_register(name).type))
        return info

    def registers_of(self, task):
        """The registers with which TASK will go on."""
        processor = self.processor
        saved = int(task.pointer["coro"]["sp"])
        word = gdb.lookup_type("unsigned long").pointer()
        try:
            pc = int(gdb.Value(saved + processor.saved_pc).cast(word).dereference())
            fp = int(gdb.Value(saved + processor.saved_fp).cast(word).dereference())
        except gdb.MemoryError:
            pc = 0
        if pc == 0:
            raise gdb.GdbError(
                f"The stack of {task} cannot be read. Core files that gdb made lack the stacks on Linux 6.13 and "
                "later, if that gdb is older than February 2026; those that the kernel made have them."
            )
        return {processor.pc: pc, processor.sp: saved + processor.FRAME, processor.fp: fp}

    @contextmanager
    def showing(self, task):
        """Inside, gdb sees the frames of TASK above the real one. Yields the first of them."""
        frame = gdb.newest_frame()
        name = frame.architecture().name()
        self.processor = PROCESSORS.get(name)
        if self.processor is None:
            raise gdb.GdbError(f"hoop does not run on {name}.")
        while frame.type() == gdb.INLINE_FRAME:  # these come first, and share the registers of the real one
            frame = frame.older()
        real = frame.level()
        self.real_sp = int(frame.read_register(self.processor.sp))
        self.registers = self.registers_of(task)
        try:
            with selection_kept():
                self.enabled = True
                gdb.invalidate_cached_frames()
                try:
                    yield first_frame_above(real)
                finally:
                    self.enabled = False
                    gdb.invalidate_cached_frames()
        finally:
            self.processor = self.real_sp = self.registers = None


def first_frame_above(level):
    """The first frame above LEVEL that is not the switch's own."""
    frame = gdb.newest_frame()
    while frame is not None and (frame.level() <= level or frame.name() in SWITCH):
        frame = frame.older()
    if frame is None:
        raise gdb.GdbError("gdb finds no frame of the task: is this script of another version than libhoop?")
    return frame


UNWINDER = SuspendedUnwinder()
gdb.unwinder.register_unwinder(None, UNWINDER, replace=True)


def frames_from(text, first):
    """The text of a backtrace without the frames before FIRST, counted from 0 again."""

    def renumbered(match):
        return f"#{int(match[1]) - first}".ljust(len(match[0]))

    text = text.replace("<error reading variable: value has been optimized out>", "<optimized out>")
    start = re.search(rf"^#{first} ", text, re.MULTILINE)
    return re.sub(r"^#(\d+) +", renumbered, text[start.start() :], flags=re.MULTILINE) if start else text


def what_begins(task):
    """The call that TASK, which has no frames yet, will begin with."""
    fn = task.pointer["fn"]
    line = gdb.find_pc_line(int(fn))
    where = f" at {line.symtab.filename}:{line.line}" if line.symtab is not None else ""
    return f"will call {fn.format_string(symbols=True)} ({task.pointer['arg']}){where}\n"


def backtrace_of(loop, task, options):
    if loop.runs(task):
        if int(running_loop()) != loop.address:
            raise gdb.GdbError(f"{task} runs, in another thread: select that and use backtrace.")
        return gdb.execute(f"backtrace {options}", to_string=True)
    if not task.has_stack:
        return what_begins(task)
    with UNWINDER.showing(task) as first:
        return frames_from(gdb.execute(f"backtrace {options}", to_string=True), first.level())


# ---- the commands ----


class HoopTasks(gdb.Command):
    """List the unfinished tasks of a hoop event loop, oldest first.

    Usage: hoop-tasks [LOOP]

    LOOP is an expression for a hoop_loop *. Without it, it is the loop that the selected thread runs.

    Each line is the task's number, its name, and what it does:
      runs             the loop runs it now; backtrace shows where, if its thread is selected
      is ready         it will go on in the loop's next iteration
      sleeps           in hoop_sleep
      awaits #3 'name' until that task is done; or "awaits a future"
      starts #3 'name' it created that task with the option eager, which has not suspended yet
      has not begun    it has no stack before its first step
    followed by "is being cancelled" if hoop_task_cancel asked it to stop. Other waits speak for themselves.

    It reads memory only, so it works on core files as well. libhoop's debug information is needed.

    See also: hoop-bt."""

    def __init__(self):
        super().__init__("hoop-tasks", gdb.COMMAND_STACK, gdb.COMPLETE_EXPRESSION)

    def invoke(self, argument, from_tty):
        loop = find_loop(argument)
        count = len(loop.tasks)
        print(f"{count} unfinished task{'' if count == 1 else 's'}")
        for task in loop.tasks:
            print(f"  {task} {loop.state_of(task)}")


class HoopBacktrace(gdb.Command):
    """Print the backtrace of a hoop task, suspended or running.

    Usage: hoop-bt [-loop LOOP] ID|NAME|all [OPTION]...

    ID is the number that hoop-tasks shows. NAME is a task's name, in quotes if it has spaces; of several tasks
    of that name all are shown. LOOP is an expression for a hoop_loop *, in quotes if it has spaces. Without it,
    it is the loop that the selected thread runs. OPTIONs are those of backtrace, but not a count of frames:
      hoop-bt 3
      hoop-bt 'load page' full        with the local variables
      hoop-bt -loop server->loop all -frame-arguments all

    Frame 0 is in hoop, where the task is suspended; the last one, coro_trampoline, is where its stack begins.
    For a task that has not begun it says which function that will call.

    It reads memory only, so it works on core files as well, and the thread, the frame and the registers stay as
    they are. libhoop's debug information is needed. Core files made by gdb's generate-core-file lack the stacks on
    Linux 6.13 and later if gdb is older than February 2026; those that the kernel makes have them.

    See also: hoop-tasks."""

    def __init__(self):
        super().__init__("hoop-bt", gdb.COMMAND_STACK, gdb.COMPLETE_NONE)

    def invoke(self, argument, from_tty):
        words = gdb.string_to_argv(argument)
        expression = ""
        if words[:1] == ["-loop"]:
            expression = " ".join(words[1:2])
            words = words[2:]
        if not words:
            raise gdb.GdbError("Usage: hoop-bt [-loop LOOP] ID|NAME|all [OPTION]...")
        loop = find_loop(expression)
        tasks = loop.find(words[0])
        for task in tasks:
            print(f"{task} {loop.state_of(task)}")
            try:
                print(backtrace_of(loop, task, " ".join(words[1:])))
            except gdb.GdbError as error:
                if len(tasks) == 1:
                    raise
                print(f"{error}\n")


HoopTasks()
HoopBacktrace()

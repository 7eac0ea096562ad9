/* SPDX-License-Identifier: MIT
 *
 * See context.h. A value sits in a box of its own with a count, as each table that
 * is made from another one shares its values.
 */
#include "base/context.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>

#include "base/alloc.h"

struct box {
    atomic_size_t references;
    void *value;
    void (*release)(void *value);
};

struct binding {
    const hoop_context_var *var;
    struct box *box;
};

struct hoop_context {
    atomic_size_t references;
    size_t count;
    struct binding bindings[];
};

_Thread_local struct thread_turn threads_turn;

static _Thread_local hoop_context *thread_context; /* bound outside of any loop */

__attribute__((noinline)) struct thread_turn *turn_find(void)
{
    __asm__ volatile(""); /* nothing that could be asked once for all */
    return &threads_turn;
}

/* What hoop_context_copy gives for "no bindings"; its count is never used. */
static hoop_context empty;

static void box_unref(struct box *box)
{
    if (atomic_fetch_sub(&box->references, 1) > 1)
        return;
    if (box->release != NULL)
        box->release(box->value);
    alloc_free(box);
}

hoop_context *context_ref(hoop_context *context)
{
    if (context != NULL && context != &empty)
        atomic_fetch_add(&context->references, 1);
    return context;
}

void context_unref(hoop_context *context)
{
    if (context == NULL || context == &empty || atomic_fetch_sub(&context->references, 1) > 1)
        return;
    for (size_t i = 0; i < context->count; i++)
        box_unref(context->bindings[i].box);
    alloc_free(context);
}

/* ---- the thread's own slot, emptied when the thread ends ---- */

static pthread_key_t thread_key;

static void thread_ends(void *slot)
{
    hoop_context *last = *(hoop_context **)slot;
    *(hoop_context **)slot = NULL;
    context_unref(last);
}

static void thread_key_make(void)
{
    pthread_key_create(&thread_key, thread_ends);
}

hoop_context **context_thread_slot(void)
{
    return &thread_context;
}

static hoop_context **current_slot(void)
{
    return turn.context != NULL ? turn.context : &thread_context;
}

/* ---- setting and getting ---- */

static struct binding *find(hoop_context *context, const hoop_context_var *var)
{
    for (size_t i = 0; context != NULL && i < context->count; i++)
        if (context->bindings[i].var == var)
            return &context->bindings[i];
    return NULL;
}

/* A table with the bindings of OLD, and BOX for VAR; NULL without memory. */
static hoop_context *table_with(hoop_context *old, const hoop_context_var *var, struct box *box)
{
    size_t count = old == NULL ? 0 : old->count;
    hoop_context *table = alloc_zeroed(sizeof *table + (count + 1) * sizeof table->bindings[0]);
    if (table == NULL)
        return NULL;
    atomic_init(&table->references, 1);
    for (size_t i = 0; i < count; i++) {
        if (old->bindings[i].var == var)
            continue;
        table->bindings[table->count] = old->bindings[i];
        atomic_fetch_add(&table->bindings[table->count++].box->references, 1);
    }
    table->bindings[table->count++] = (struct binding){var, box};
    return table;
}

int hoop_context_set(const hoop_context_var *var, void *value)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    if (var == NULL)
        return -EINVAL;
    struct box *box = alloc_zeroed(sizeof *box);
    if (box == NULL)
        return -ENOMEM;
    *box = (struct box){.references = 1, .value = value, .release = var->release};
    hoop_context **slot = current_slot();
    hoop_context *table = table_with(*slot, var, box);
    if (table == NULL) {
        alloc_free(box);
        return -ENOMEM;
    }
    hoop_context *old = *slot;
    *slot = table;
    context_unref(old); /* last: a release may use the context */
    if (slot == &thread_context) {
        pthread_once(&once, thread_key_make);
        pthread_setspecific(thread_key, slot);
    }
    return 0;
}

void *hoop_context_get(const hoop_context_var *var)
{
    struct binding *binding = find(*current_slot(), var);
    return binding != NULL ? binding->box->value : var->default_value;
}

hoop_context *context_or_empty(hoop_context *context)
{
    return context != NULL ? context : &empty;
}

hoop_context *hoop_context_copy(void)
{
    return context_or_empty(context_capture());
}

void hoop_context_unref(hoop_context *context)
{
    context_unref(context);
}

void hoop_context_run(hoop_context *context, hoop_callback_fn fn, void *arg)
{
    hoop_context **slot = current_slot();
    hoop_context *outer = *slot;
    *slot = context_ref(context);
    fn(arg);
    hoop_context *inner = *slot;
    *slot = outer;
    context_unref(inner);
}

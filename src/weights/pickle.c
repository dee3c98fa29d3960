/* pickle.c - the stack machine. See pickle.h.
 *
 * Everything is bounded: objects, stack and memo by MOST, texts by the input itself. Nothing here
 * recurses, since an object is complete when the one that holds it is made. */

#include "weights/pickle.h"

#include <stdio.h>
#include <string.h>

#define MOST ((int64_t)4 << 20) /* objects, stack places, memo places */

typedef struct machine {
    ds_pickle *p;
    const unsigned char *data;
    size_t size, at, op; /* op: where the present instruction began */
    ds_py **stack;
    int64_t *mark; /* heights of the stack */
    ds_py **memo;
    const ds_py **reference;
    int64_t reference_room;
    int64_t height, stack_room, marks, mark_room, memos, memo_room, objects;
    const char *what;
    ds_error *err;
} machine;

static ds_status bad(const machine *m, const char *why)
{
    ds_fail(m->err, DS_E_FORMAT, "%s: pickle, byte %zu: %s", m->what, m->op, why);
    return ds_fail_at(m->err, DS_E_FORMAT, m->what, (int64_t)m->op);
}

static ds_status no_memory(const machine *m)
{
    return ds_fail(m->err, DS_E_NOMEM, "%s: no memory for its pickle", m->what);
}

/* ---- objects, stack, memo -------------------------------------------------------------------- */

/* Room for one more element in an array outside of the arena; false: none. */
static bool widen(void **array, int64_t count, int64_t *room, size_t size)
{
    int64_t more = *room == 0 ? 256 : 2 * *room;
    void *p;

    if (count < *room)
        return true;
    p = ds_calloc((size_t)more, size);
    if (p == NULL)
        return false;
    if (count > 0)
        memcpy(p, *array, (size_t)count * size);
    ds_free(*array);
    *array = p;
    *room = more;
    return true;
}

static ds_status push(machine *m, ds_py *v)
{
    if (m->height >= MOST)
        return bad(m, "the stack grows above its limit");
    if (!widen((void **)&m->stack, m->height, &m->stack_room, sizeof(ds_py *)))
        return no_memory(m);
    m->stack[m->height++] = v;
    return DS_OK;
}

static ds_status make(machine *m, ds_py_kind kind, ds_py **out)
{
    *out = NULL;
    if (m->objects++ >= MOST)
        return bad(m, "more objects than the limit of 4,194,304");
    *out = ds__arena_alloc(&m->p->arena, sizeof **out);
    if (*out == NULL)
        return no_memory(m);
    (*out)->kind = kind;
    return DS_OK;
}

static ds_status push_new(machine *m, ds_py_kind kind, int64_t number)
{
    ds_py *v;
    ds_status st = make(m, kind, &v);

    if (st != DS_OK)
        return st;
    v->number = number;
    return push(m, v);
}

/* Values above the last mark must not be taken by what works on the top. */
static int64_t floor_of(const machine *m)
{
    return m->marks > 0 ? m->mark[m->marks - 1] : 0;
}

static ds_status pop(machine *m, ds_py **out)
{
    if (m->height <= floor_of(m))
        return bad(m, "an instruction finds the stack empty");
    *out = m->stack[--m->height];
    return DS_OK;
}

static ds_status peek(const machine *m, ds_py **out)
{
    if (m->height <= floor_of(m))
        return bad(m, "an instruction finds the stack empty");
    *out = m->stack[m->height - 1];
    return DS_OK;
}

/* Takes the last mark away; values from *first on lay above it. */
static ds_status unmark(machine *m, int64_t *first)
{
    if (m->marks == 0)
        return bad(m, "an instruction finds no mark");
    *first = m->mark[--m->marks];
    return DS_OK;
}

static ds_status append(machine *m, ds_py *list, ds_py *v)
{
    if (list->count == list->room) {
        int64_t room = list->room == 0 ? 8 : 2 * list->room;
        ds_py **item;

        if ((m->objects += room) > 4 * MOST)
            return bad(m, "its lists grow above their limit");
        item = ds__arena_alloc(&m->p->arena, (size_t)room * sizeof(ds_py *));
        if (item == NULL)
            return no_memory(m);
        if (list->count > 0)
            memcpy(item, list->item, (size_t)list->count * sizeof(ds_py *));
        list->item = item;
        list->room = room;
    }
    list->item[list->count++] = v;
    return DS_OK;
}

static ds_status remember(machine *m, uint64_t place)
{
    ds_py *v;
    ds_status st = peek(m, &v);

    if (st != DS_OK)
        return st;
    if (place >= (uint64_t)MOST || place > (uint64_t)m->memos + 65536)
        return bad(m, "a place of the memo far above those that are filled");
    while (m->memos <= (int64_t)place) {
        if (!widen((void **)&m->memo, m->memos, &m->memo_room, sizeof(ds_py *)))
            return no_memory(m);
        m->memo[m->memos++] = NULL;
    }
    m->memo[place] = v;
    return DS_OK;
}

static ds_status recall(machine *m, uint64_t place)
{
    if (place >= (uint64_t)m->memos || m->memo[place] == NULL)
        return bad(m, "a place of the memo that is empty");
    return push(m, m->memo[place]);
}

/* ---- arguments of instructions --------------------------------------------------------------- */

static ds_status take(machine *m, size_t n, const unsigned char **out)
{
    if (n > m->size - m->at)
        return bad(m, "it ends inside an instruction");
    *out = m->data + m->at;
    m->at += n;
    return DS_OK;
}

static ds_status take_number(machine *m, size_t bytes, uint64_t *out)
{
    const unsigned char *p = NULL;
    ds_status st = take(m, bytes, &p);

    *out = 0;
    for (size_t i = 0; st == DS_OK && i < bytes; i++)
        *out |= (uint64_t)p[i] << (8 * i);
    return st;
}

/* A line of text, as GLOBAL has two of. */
static ds_status take_line(machine *m, const unsigned char **out, size_t *n)
{
    const unsigned char *end = memchr(m->data + m->at, '\n', m->size - m->at);

    if (end == NULL)
        return bad(m, "it ends inside an instruction");
    *out = m->data + m->at;
    *n = (size_t)(end - *out);
    m->at += *n + 1;
    return DS_OK;
}

static ds_status push_text(machine *m, size_t length_bytes, ds_py_kind kind)
{
    const unsigned char *p = NULL;
    uint64_t n;
    ds_py *v;
    char *copy;
    ds_status st = take_number(m, length_bytes, &n);

    if (st == DS_OK)
        st = take(m, n <= m->size ? (size_t)n : m->size + 1 - m->at, &p);
    if (st == DS_OK)
        st = make(m, kind, &v);
    if (st != DS_OK)
        return st;
    if (kind == DS_PY_TEXT) {
        copy = ds__arena_alloc(&m->p->arena, (size_t)n + 1);
        if (copy == NULL)
            return no_memory(m);
        memcpy(copy, p, (size_t)n);
        v->text = copy;
    }
    return push(m, v);
}

static ds_status push_integer(machine *m, size_t bytes, bool is_signed)
{
    uint64_t n;
    ds_status st = take_number(m, bytes, &n);

    if (st != DS_OK)
        return st;
    return push_new(m, DS_PY_INT, is_signed && bytes == 4 ? (int32_t)(uint32_t)n : (int64_t)n);
}

/* Little-endian two's complement of any length: those that fit are numbers. */
static ds_status push_long(machine *m, size_t length_bytes)
{
    const unsigned char *p = NULL;
    uint64_t n, value = 0;
    ds_status st = take_number(m, length_bytes, &n);

    if (st == DS_OK)
        st = take(m, n <= m->size ? (size_t)n : m->size + 1 - m->at, &p);
    if (st != DS_OK)
        return st;
    if (n > 8)
        return push_new(m, DS_PY_OTHER, 0);
    for (size_t i = 0; i < n; i++)
        value |= (uint64_t)p[i] << (8 * i);
    if (n > 0 && n < 8 && p[n - 1] & 0x80)
        value |= ~(uint64_t)0 << (8 * n);
    return push_new(m, DS_PY_INT, (int64_t)value);
}

static ds_status skip(machine *m, size_t n, ds_py_kind kind)
{
    const unsigned char *p;
    ds_status st = take(m, n, &p);

    return st == DS_OK ? push_new(m, kind, 0) : st;
}

/* ---- instructions ---------------------------------------------------------------------------- */

static ds_status note_global(machine *m, const char *name)
{
    ds_pickle *p = m->p;

    for (int64_t i = 0; i < p->globals; i++)
        if (strcmp(p->global[i], name) == 0)
            return DS_OK;
    if (p->globals >= 1000)
        return bad(m, "more than 1000 different names of code");
    if (p->globals == p->global_room) {
        int64_t room = p->global_room == 0 ? 32 : 2 * p->global_room;
        const char **list = ds__arena_alloc(&p->arena, (size_t)room * sizeof *list);

        if (list == NULL)
            return no_memory(m);
        if (p->globals > 0)
            memcpy(list, p->global, (size_t)p->globals * sizeof *list);
        p->global = list;
        p->global_room = room;
    }
    p->global[p->globals++] = name;
    return DS_OK;
}

static ds_status push_global(machine *m, const char *module, size_t a, const char *name, size_t b)
{
    ds_py *v;
    ds_status st = make(m, DS_PY_GLOBAL, &v);

    if (st != DS_OK)
        return st;
    if (a > 200 || b > 200)
        return bad(m, "a name of code above 200 bytes");
    v->text = ds__arena_printf(&m->p->arena, "%.*s.%.*s", (int)a, module, (int)b, name);
    if (v->text == NULL)
        return no_memory(m);
    st = note_global(m, v->text);
    return st == DS_OK ? push(m, v) : st;
}

static ds_status global(machine *m)
{
    const unsigned char *module = NULL, *name = NULL;
    size_t a = 0, b = 0;
    ds_status st = take_line(m, &module, &a);

    if (st == DS_OK)
        st = take_line(m, &name, &b);
    return st == DS_OK ? push_global(m, (const char *)module, a, (const char *)name, b) : st;
}

static ds_status stack_global(machine *m)
{
    ds_py *name, *module;
    ds_status st = pop(m, &name);

    if (st == DS_OK)
        st = pop(m, &module);
    if (st != DS_OK)
        return st;
    if (name->kind != DS_PY_TEXT || module->kind != DS_PY_TEXT)
        return bad(m, "a name of code that is not text");
    return push_global(m, module->text, strlen(module->text), name->text, strlen(name->text));
}

/* The last n values, or those above the mark, as one list. */
static ds_status gather(machine *m, int64_t first)
{
    ds_py *v;
    ds_status st = make(m, DS_PY_LIST, &v);

    if (st == DS_OK && first < floor_of(m))
        st = bad(m, "an instruction finds the stack empty");
    for (int64_t i = first; st == DS_OK && i < m->height; i++)
        st = append(m, v, m->stack[i]);
    if (st != DS_OK)
        return st;
    m->height = first;
    return push(m, v);
}

static ds_status gather_mark(machine *m, bool dict)
{
    int64_t first = 0;
    ds_status st = unmark(m, &first);

    if (st == DS_OK)
        st = gather(m, first);
    if (st != DS_OK || !dict)
        return st;
    m->stack[m->height - 1]->kind = DS_PY_DICT;
    return m->stack[m->height - 1]->count % 2 == 0 ? DS_OK : bad(m, "a key without a value");
}

/* Puts values from `first` on into the container below them; inert objects swallow them. */
static ds_status fill(machine *m, int64_t first, ds_py_kind kind)
{
    int64_t n = m->height - first;
    ds_py *into;
    ds_status st = DS_OK;

    if (first <= floor_of(m))
        return bad(m, "an instruction finds no container");
    into = m->stack[first - 1];
    if (into->kind != kind && into->kind != DS_PY_CALL)
        return bad(m, "items for something that holds none");
    if (kind == DS_PY_DICT && n % 2 != 0)
        return bad(m, "a key without a value");
    for (int64_t i = first; st == DS_OK && into->kind == kind && i < m->height; i++)
        st = append(m, into, m->stack[i]);
    m->height = first;
    return st;
}

static ds_status fill_mark(machine *m, ds_py_kind kind)
{
    int64_t first = 0;
    ds_status st = unmark(m, &first);

    return st == DS_OK ? fill(m, first, kind) : st;
}

/* callee(argument) as a value. An empty OrderedDict is a dict, which items may follow. */
static ds_status call(machine *m)
{
    ds_py *argument, *callee, *v;
    ds_status st = pop(m, &argument);

    if (st == DS_OK)
        st = pop(m, &callee);
    if (st == DS_OK)
        st = make(m, ds__py_is(callee, "collections.OrderedDict") ? DS_PY_DICT : DS_PY_CALL, &v);
    if (st != DS_OK)
        return st;
    v->callee = callee;
    v->argument = argument;
    return push(m, v);
}

/* An object's state: nothing here has any. */
static ds_status build(machine *m)
{
    ds_py *state, *object;
    ds_status st = pop(m, &state);

    return st == DS_OK ? peek(m, &object) : st;
}

static ds_status reference(machine *m)
{
    ds_py *argument, *v;
    ds_status st = pop(m, &argument);

    if (st == DS_OK)
        st = make(m, DS_PY_REFERENCE, &v);
    if (st != DS_OK)
        return st;
    v->argument = argument;
    if (!widen((void **)&m->reference, m->p->references, &m->reference_room, sizeof *m->reference))
        return no_memory(m);
    m->reference[m->p->references++] = v;
    return push(m, v);
}

static ds_status with_number(machine *m, size_t bytes, ds_status (*use)(machine *, uint64_t))
{
    uint64_t n;
    ds_status st = take_number(m, bytes, &n);

    return st == DS_OK ? use(m, n) : st;
}

static ds_status mark(machine *m)
{
    if (m->marks >= MOST)
        return bad(m, "more marks than the limit");
    if (!widen((void **)&m->mark, m->marks, &m->mark_room, sizeof *m->mark))
        return no_memory(m);
    m->mark[m->marks++] = m->height;
    return DS_OK;
}

static ds_status drop(machine *m, bool to_mark)
{
    int64_t first = 0;
    ds_py *v;
    ds_status st;

    if (!to_mark && m->height > floor_of(m))
        return pop(m, &v);
    st = unmark(m, &first); /* POP above nothing but a mark takes the mark */
    if (st == DS_OK)
        m->height = first;
    return st;
}

static ds_status duplicate(machine *m)
{
    ds_py *v;
    ds_status st = peek(m, &v);

    return st == DS_OK ? push(m, v) : st;
}

static ds_status unknown(machine *m, unsigned char op)
{
    ds_fail(m->err, DS_E_UNSUPPORTED,
            "%s: pickle, byte %zu: instruction 0x%02x is none that checkpoints need", m->what,
            m->op, op);
    return ds_fail_at(m->err, DS_E_UNSUPPORTED, m->what, (int64_t)m->op);
}

/* Instructions that make a value out of their own bytes. */
static ds_status literal(machine *m, unsigned char op)
{
    switch (op) {
    case 'X': /* BINUNICODE */
    case 'T': /* BINSTRING */
        return push_text(m, 4, DS_PY_TEXT);
    case 0x8c: /* SHORT_BINUNICODE */
    case 'U':  /* SHORT_BINSTRING */
        return push_text(m, 1, DS_PY_TEXT);
    case 0x8d: /* BINUNICODE8 */
        return push_text(m, 8, DS_PY_TEXT);
    case 'B': /* BINBYTES */
        return push_text(m, 4, DS_PY_OTHER);
    case 'C': /* SHORT_BINBYTES */
        return push_text(m, 1, DS_PY_OTHER);
    case 0x8e: /* BINBYTES8 */
    case 0x96: /* BYTEARRAY8 */
        return push_text(m, 8, DS_PY_OTHER);
    case 'J': /* BININT */
        return push_integer(m, 4, true);
    case 'K': /* BININT1 */
        return push_integer(m, 1, false);
    case 'M': /* BININT2 */
        return push_integer(m, 2, false);
    case 0x8a: /* LONG1 */
        return push_long(m, 1);
    case 0x8b: /* LONG4 */
        return push_long(m, 4);
    case 'G': /* BINFLOAT */
        return skip(m, 8, DS_PY_OTHER);
    case 'N':
        return push_new(m, DS_PY_NONE, 0);
    case 0x88: /* NEWTRUE */
    case 0x89: /* NEWFALSE */
        return push_new(m, DS_PY_BOOL, op == 0x88);
    case '}': /* EMPTY_DICT */
        return push_new(m, DS_PY_DICT, 0);
    case ']': /* EMPTY_LIST, EMPTY_TUPLE, EMPTY_SET */
    case ')':
    case 0x8f:
        return push_new(m, DS_PY_LIST, 0);
    default:
        return unknown(m, op);
    }
}

static ds_status step(machine *m, unsigned char op)
{
    switch (op) {
    case '(':
        return mark(m);
    case 't': /* TUPLE, LIST, FROZENSET */
    case 'l':
    case 0x91:
        return gather_mark(m, false);
    case 'd':
        return gather_mark(m, true);
    case 0x85: /* TUPLE1, 2, 3 */
    case 0x86:
    case 0x87:
        return gather(m, m->height - (op - 0x84));
    case 's': /* SETITEM */
        return fill(m, m->height - 2, DS_PY_DICT);
    case 'u': /* SETITEMS */
        return fill_mark(m, DS_PY_DICT);
    case 'a': /* APPEND */
        return fill(m, m->height - 1, DS_PY_LIST);
    case 'e': /* APPENDS, ADDITEMS */
    case 0x90:
        return fill_mark(m, DS_PY_LIST);
    case 'q':
        return with_number(m, 1, remember);
    case 'r':
        return with_number(m, 4, remember);
    case 0x94: /* MEMOIZE */
        return remember(m, (uint64_t)m->memos);
    case 'h':
        return with_number(m, 1, recall);
    case 'j':
        return with_number(m, 4, recall);
    case 'c':
        return global(m);
    case 0x93:
        return stack_global(m);
    case 'R':  /* REDUCE */
    case 0x81: /* NEWOBJ */
        return call(m);
    case 'b':
        return build(m);
    case 'Q':
        return reference(m);
    case '0':
    case '1':
        return drop(m, op == '1');
    case '2':
        return duplicate(m);
    default:
        return literal(m, op);
    }
}

/* PROTO and FRAME carry numbers that mean nothing here. */
static ds_status heading(machine *m, unsigned char op)
{
    const unsigned char *p;

    return take(m, op == 0x80 ? 1 : 8, &p);
}

static ds_status run(machine *m)
{
    ds_py *root;
    ds_status st = DS_OK;

    while (st == DS_OK) {
        const unsigned char *op = NULL;

        m->op = m->at;
        st = take(m, 1, &op);
        if (st == DS_OK && *op == '.')
            break;
        if (st == DS_OK)
            st = *op == 0x80 || *op == 0x95 ? heading(m, *op) : step(m, *op);
    }
    if (st == DS_OK)
        st = pop(m, &root);
    if (st == DS_OK)
        m->p->root = root;
    return st;
}

ds_status ds__pickle_read(ds_pickle *p, const unsigned char *data, size_t size, size_t *used,
                          const char *what, ds_error *err)
{
    machine m = { .p = p, .data = data, .size = size, .what = what, .err = err };
    ds_status st = run(&m);

    *used = m.at;
    p->reference = m.reference;
    ds_free(m.stack);
    ds_free(m.mark);
    ds_free(m.memo);
    return st;
}

void ds__pickle_clear(ds_pickle *p)
{
    ds_free(p->reference);
    ds__arena_free(&p->arena);
    *p = (ds_pickle){ 0 };
}

const ds_py *ds__py_get(const ds_py *d, const char *key)
{
    for (int64_t i = 0; d != NULL && d->kind == DS_PY_DICT && i + 1 < d->count; i += 2)
        if (d->item[i]->kind == DS_PY_TEXT && strcmp(d->item[i]->text, key) == 0)
            return d->item[i + 1];
    return NULL;
}

bool ds__py_is(const ds_py *v, const char *name)
{
    return v != NULL && v->kind == DS_PY_GLOBAL && strcmp(v->text, name) == 0;
}

/* syntax_table.c - overlaps of word maps under grammatical relations, summed over captions. One
 * thread per table. */

#include <diffuscope/score.h>
#include <diffuscope/syntax.h>

#include <stdio.h>
#include <string.h>

enum { RELATIONS = 128, TAGS = 20 };

struct ds_syntax_table {
    int64_t relations, tags;
    ds_syntax_overlap relation[RELATIONS]; /* sums; [0] all, [1] unrelated, the rest sorted */
    ds_syntax_tag tag[TAGS];               /* sums, sorted */
};

ds_status ds_syntax_table_new(ds_syntax_table **out, ds_error *err)
{
    ds_syntax_table *t = ds_calloc(1, sizeof *t);

    *out = t;
    if (t == NULL)
        return ds_fail(err, DS_E_NOMEM, "a table of relations");
    strcpy(t->relation[0].name, "all");
    strcpy(t->relation[1].name, "unrelated");
    t->relations = 2;
    return DS_OK;
}

void ds_syntax_table_free(ds_syntax_table *t)
{
    ds_free(t);
}

/* The row of that name, made if it is new; relations beyond the table's room share "dep". */
static ds_syntax_overlap *find_relation(ds_syntax_table *t, const char *name)
{
    int64_t at = 2;

    while (at < t->relations && strcmp(t->relation[at].name, name) < 0)
        at++;
    if (at < t->relations && strcmp(t->relation[at].name, name) == 0)
        return &t->relation[at];
    if (t->relations == RELATIONS - 1 && strcmp(name, "dep") != 0)
        return find_relation(t, "dep");
    memmove(&t->relation[at + 1], &t->relation[at],
            (size_t)(t->relations - at) * sizeof t->relation[0]);
    t->relations++;
    t->relation[at] = (ds_syntax_overlap){ .pairs = 0 };
    snprintf(t->relation[at].name, sizeof t->relation[at].name, "%s", name);
    return &t->relation[at];
}

static void add_tag(ds_syntax_table *t, const char *tag, double intensity)
{
    int64_t at = 0;

    while (at < t->tags && strcmp(t->tag[at].tag, tag) < 0)
        at++;
    if (at == t->tags || strcmp(t->tag[at].tag, tag) != 0) {
        if (t->tags == TAGS)
            return;
        memmove(&t->tag[at + 1], &t->tag[at], (size_t)(t->tags - at) * sizeof t->tag[0]);
        t->tags++;
        t->tag[at] = (ds_syntax_tag){ .words = 0 };
        snprintf(t->tag[at].tag, sizeof t->tag[at].tag, "%s", tag);
    }
    t->tag[at].words++;
    t->tag[at].intensity += intensity;
}

/* False if a map is empty. */
static bool overlap(ds_overlap *o, const uint8_t *dependent, const uint8_t *head, int64_t n)
{
    if (dependent == NULL || head == NULL)
        return false;
    *o = ds_mask_overlap(dependent, head, n);
    return o->a > 0 && o->b > 0;
}

static void add_pair(ds_syntax_overlap *r, ds_overlap o)
{
    r->pairs++;
    r->iod += (double)o.both / (double)o.a;
    r->ioh += (double)o.both / (double)o.b;
    r->iou += ds_overlap_iou(o);
}

static bool related(const ds_syntax *s, int64_t a, int64_t b)
{
    for (int64_t i = 0; i < s->relation_count; i++)
        if ((s->relations[i].head == a && s->relations[i].dependent == b) ||
            (s->relations[i].head == b && s->relations[i].dependent == a))
            return true;
    return false;
}

ds_status ds_syntax_table_add(ds_syntax_table *t, const ds_syntax *s, const uint8_t *const *masks,
                              int64_t n, ds_error *err)
{
    ds_overlap o;

    if (n < 1)
        return ds_fail(err, DS_E_ARG, "expected masks of one pixel or more, found %lld",
                       (long long)n);
    for (int64_t i = 0; i < s->relation_count; i++) {
        const ds_syntax_relation *r = &s->relations[i];

        if (!overlap(&o, masks[r->dependent], masks[r->head], n))
            continue;
        add_pair(&t->relation[0], o);
        add_pair(find_relation(t, r->name), o);
    }
    for (int64_t a = 0; a < s->word_count; a++)
        for (int64_t b = 0; b < a; b++) /* the later word stands for the dependent */
            if (!related(s, a, b) && overlap(&o, masks[a], masks[b], n))
                add_pair(&t->relation[1], o);
    for (int64_t i = 0; i < s->word_count; i++)
        if (masks[i] != NULL)
            add_tag(t, s->words[i].tag,
                    (double)ds_mask_overlap(masks[i], masks[i], n).a / (double)n);
    return DS_OK;
}

bool ds_syntax_table_relation(const ds_syntax_table *t, int64_t i, ds_syntax_overlap *out)
{
    if (i < 0 || i >= t->relations)
        return false;
    *out = t->relation[i];
    out->iod /= (double)out->pairs; /* of no pairs: NaN */
    out->ioh /= (double)out->pairs;
    out->iou /= (double)out->pairs;
    return true;
}

bool ds_syntax_table_tag(const ds_syntax_table *t, int64_t i, ds_syntax_tag *out)
{
    if (i < 0 || i >= t->tags)
        return false;
    *out = t->tag[i];
    out->intensity /= (double)out->words;
    return true;
}

/* links.c - which end of a link is the head. Labels: link-grammar's documentation, section
 * "summary of links"; the capital letters name the type, small ones refine it. Pure functions. */

#include "optional/links.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Is the label's type `type`: its capital letters exactly, and small ones that begin as `small`? */
static bool is(const char *label, const char *type, const char *small)
{
    size_t n = strlen(type);

    if (strncmp(label, type, n) != 0 || isupper((unsigned char)label[n]))
        return false;
    return strncmp(label + n, small, strlen(small)) == 0;
}

static bool listed(const char *word, const char *list)
{
    char key[40];
    int n = snprintf(key, sizeof key, " %s ", word);

    for (int i = 0; i < n; i++)
        key[i] = (char)tolower((unsigned char)key[i]);
    return n > 2 && n < (int)sizeof key && strstr(list, key) != NULL;
}

static bool is_be(const char *word)
{
    return listed(word, " is are was were be been being am 's 're 'm ");
}

static bool is_number(const char *word)
{
    return isdigit((unsigned char)word[0]) ||
           listed(word, " one two three four five six seven eight nine ten eleven twelve thirteen "
                        "fourteen fifteen sixteen seventeen eighteen nineteen twenty thirty forty "
                        "fifty sixty seventy eighty ninety hundred thousand million dozen ");
}

static bool is_punctuation(const char *word)
{
    for (; *word != '\0'; word++)
        if (!ispunct((unsigned char)*word))
            return false;
    return true;
}

/* ---- the graph ------------------------------------------------------------------------------- */

typedef struct graph {
    const ds__link_word *words;
    const ds__link *links;
    int n_words, n_links, root, count;
    ds_syntax_relation *out;
} graph;

/* Is it a link from a conjunction to what stands left ('l') or right ('r') of it: SJl, VJr, ...? */
static bool joins(const char *label, char side)
{
    return (label[0] == 'S' || label[0] == 'V' || label[0] == 'A' || label[0] == 'R' ||
            label[0] == 'M') &&
           label[1] == 'J' && label[2] == side;
}

/* That conjunct, -1 if there is none. */
static int conjunct(const graph *g, int word, char side)
{
    for (int i = 0; i < g->n_links; i++)
        if (joins(g->links[i].label, side) &&
            (side == 'l' ? g->links[i].right : g->links[i].left) == word)
            return side == 'l' ? g->links[i].left : g->links[i].right;
    return -1;
}

/* A conjunction stands for its first conjunct. */
static int resolve(const graph *g, int word)
{
    for (int hops = 0; word >= 0 && hops < 8; hops++) {
        int first = conjunct(g, word, 'l');

        if (first < 0)
            break;
        word = first;
    }
    return word;
}

static bool is_auxiliary_link(const char *label)
{
    return is(label, "P", "v") || is(label, "P", "g") || is(label, "PP", "") || is(label, "I", "");
}

/* The verb that carries the meaning: "is driving", "can hold", "has been driven". */
static int content_verb(const graph *g, int verb)
{
    for (int hops = 0; verb >= 0 && hops < 8; hops++) {
        int next = -1;

        for (int i = 0; i < g->n_links; i++)
            if (g->links[i].left == verb && is_auxiliary_link(g->links[i].label))
                next = g->links[i].right;
        if (next < 0)
            break;
        verb = next;
    }
    return resolve(g, verb);
}

static int object_of(const graph *g, int preposition)
{
    for (int i = 0; i < g->n_links; i++)
        if (g->links[i].left == preposition && is(g->links[i].label, "J", ""))
            return g->links[i].right;
    return -1;
}

/* `tail` may be NULL; head -1 stands for the root. Repetitions are dropped. */
static void add(graph *g, int head, int dependent, const char *name, const char *tail)
{
    ds_syntax_relation r = { .head = 0 };

    head = resolve(g, head < 0 ? g->root : head);
    dependent = resolve(g, dependent);
    if (head < 0 || dependent < 0 || head == dependent || g->count == DS__SYNTAX_LINKS)
        return;
    for (int i = 0; i < g->count; i++)
        if (g->out[i].head == head && g->out[i].dependent == dependent)
            return;
    r.head = head;
    r.dependent = dependent;
    snprintf(r.name, sizeof r.name, "%s%s%.12s", name, tail != NULL ? ":" : "",
             tail != NULL ? tail : "");
    for (char *c = r.name; *c != '\0'; c++)
        *c = (char)tolower((unsigned char)*c);
    g->out[g->count++] = r;
}

/* A preposition that hangs on a noun (Mp, Mf) or on a verb (MV), with what follows it. */
static void add_preposition(graph *g, int head, int preposition, const char *name)
{
    int object = object_of(g, preposition);

    if (object >= 0)
        add(g, head, object, name, g->words[preposition].form);
    else
        add(g, head, preposition, "advmod", NULL);
}

/* The nearest word that a preposition hangs on: the library names all that are possible. -1 for the
 * carrier's verb. */
static int holder(const graph *g, int preposition)
{
    int nearest = -1;

    for (int i = 0; i < g->n_links; i++) {
        const ds__link *l = &g->links[i];

        if (l->right == preposition && l->left > nearest &&
            (is(l->label, "M", "p") || is(l->label, "M", "f") || is(l->label, "MV", "")))
            nearest = l->left;
    }
    return nearest;
}

/* "a cow standing in a field": the library links "in" to the cow; Universal Dependencies to the
 * participle in front of it. */
static int participle_before(const graph *g, int preposition)
{
    for (int i = 0; i < g->n_links; i++)
        if (g->links[i].right == preposition - 1 &&
            (is(g->links[i].label, "M", "v") || is(g->links[i].label, "M", "g")))
            return preposition - 1;
    return -1;
}

static void add_determiner(graph *g, const ds__link *l)
{
    const char *form = g->words[l->left].form;

    if (strcmp(form, "'s") == 0 || strcmp(form, "'") == 0) {
        for (int i = 0; i < g->n_links; i++)
            if (g->links[i].right == l->left && g->links[i].label[0] == 'Y')
                add(g, l->right, g->links[i].left, "nmod", "poss");
    } else {
        add(g, l->right, l->left, is_number(form) ? "nummod" : "det", NULL);
    }
}

static void add_conjunction(graph *g, const ds__link *l)
{
    int first = conjunct(g, l->left, 'l');
    bool comma;

    if (first < 0)
        return;
    comma = is_punctuation(g->words[l->left].form);
    add(g, first, l->right, "conj", comma ? NULL : g->words[l->left].form);
    if (g->count < DS__SYNTAX_LINKS) { /* the word "and" itself, which add() would resolve */
        ds_syntax_relation r = { resolve(g, first), l->left, "" };

        strcpy(r.name, comma ? "punct" : "cc");
        g->out[g->count++] = r;
    }
}

/* Modifiers behind a noun. */
static void add_behind_noun(graph *g, const ds__link *l)
{
    const char *mark = l->right >= 0 ? g->words[l->right].mark : "";

    if (is(l->label, "M", "p") || is(l->label, "M", "f")) {
        int participle = participle_before(g, l->right);

        if (l->left == holder(g, l->right))
            add_preposition(g, participle >= 0 ? participle : l->left, l->right,
                            participle >= 0 ? "obl" : "nmod");
    } else if (is(l->label, "M", "v") || is(l->label, "M", "g")) {
        add(g, l->left, l->right, "acl", NULL);
    } else if (is(l->label, "M", "a")) {
        add(g, l->left, l->right, "amod", NULL);
    } else if (is(l->label, "MX", "")) {
        add(g, l->left, l->right, mark[0] == 'v' || mark[0] == 'g' ? "acl" : "appos", NULL);
    }
}

static void add_verbal(graph *g, const ds__link *l)
{
    int verb = l->left;

    if (is(l->label, "S", ""))
        add(g, content_verb(g, l->right), l->left, "nsubj", NULL);
    else if (is(l->label, "SI", ""))
        add(g, content_verb(g, l->left), l->right, "nsubj", NULL);
    else if (is(l->label, "RS", ""))
        add(g, content_verb(g, l->right), l->left, "nsubj", NULL);
    else if (is(l->label, "B", ""))
        add(g, l->left, content_verb(g, l->right), "acl", "relcl");
    else if (is(l->label, "O", "") && verb >= 0)
        add(g, verb, l->right, is_be(g->words[verb].form) ? "attr" : "obj", NULL);
    else if (is(l->label, "P", "a"))
        add(g, l->left, l->right, "acomp", NULL);
    else if (is(l->label, "P", "p"))
        add_preposition(g, l->left, l->right, "obl");
    else if (is(l->label, "I", "") && verb >= 0 && strcasecmp(g->words[verb].form, "to") == 0)
        add(g, l->right, l->left, "mark", NULL);
    else if (is_auxiliary_link(l->label) && verb >= 0)
        add(g, content_verb(g, l->right), l->left, "aux", NULL);
    else if (is(l->label, "TO", ""))
        add(g, l->left, content_verb(g, l->right), "xcomp", NULL);
    else if (is(l->label, "CV", "") && verb >= 0)
        add(g, l->left, content_verb(g, l->right), "ccomp", NULL);
    else if (is(l->label, "K", ""))
        add(g, l->left, l->right, "compound", "prt");
    else if (is(l->label, "N", "") && verb >= 0)
        add(g, content_verb(g, l->left), l->right, "neg", NULL);
}

static void add_link(graph *g, const ds__link *l)
{
    const char *name = l->label;

    if (name[0] == 'X') { /* punctuation hangs on the other end, or on the root */
        int mark = l->right >= 0 && is_punctuation(g->words[l->right].form) ? l->right : l->left;

        if (mark >= 0 && is_punctuation(g->words[mark].form))
            add(g, mark == l->right ? l->left : l->right, mark, "punct", NULL);
        return;
    }
    if (l->right < 0)
        return;
    if (is(name, "MV", "") && l->left == holder(g, l->right))
        add_preposition(g, l->left, l->right, l->left < 0 ? "nmod" : "obl"); /* -1: the carrier's */
    if (l->left < 0)
        return;
    if (is(name, "D", "") || is(name, "DD", ""))
        add_determiner(g, l);
    else if (is(name, "A", ""))
        add(g, l->right, l->left, "amod", NULL);
    else if (is(name, "AN", "") || is(name, "G", "") || is(name, "GN", ""))
        add(g, l->right, l->left, "compound", NULL);
    else if (is(name, "J", ""))
        add(g, l->right, l->left, "case", NULL);
    else if (name[0] == 'Y')
        add(g, l->left, l->right, "case", NULL);
    else if (name[0] == 'E' && !is(name, "ER", ""))
        add(g, l->right, l->left, "advmod", NULL);
    else if (joins(name, 'r'))
        add_conjunction(g, l);
    else if (name[0] == 'M')
        add_behind_noun(g, l);
    else
        add_verbal(g, l);
}

static int by_dependent(const void *a, const void *b)
{
    const ds_syntax_relation *x = a, *y = b;

    if (x->dependent != y->dependent)
        return x->dependent < y->dependent ? -1 : 1;
    return (x->head > y->head) - (x->head < y->head);
}

int ds__relations(ds_syntax_relation *out, const ds__link_word *words, int n_words,
                  const ds__link *links, int n_links, int root)
{
    graph g = { words, links, n_words, n_links, root, 0, out };

    for (int i = 0; i < n_links; i++)
        add_link(&g, &links[i]);
    qsort(out, (size_t)g.count, sizeof *out, by_dependent);
    return g.count;
}

/* ---- parts of speech ------------------------------------------------------------------------- */

static const char *tag_of_mark(const char *form, const char *mark)
{
    if (listed(form,
               " i you he she it we they me him her us them who whom which that himself there "
               "herself itself themselves someone something "))
        return "PRON";
    if (strncmp(mark, "ij", 2) == 0)
        return "INTJ";
    switch (mark[0]) {
    case 'n':
    case 's':
    case 'u':
    case 'p':
        return "NOUN";
    case 'v':
    case 'g':
    case 'q':
    case 'w':
        return is_be(form) ? "AUX" : "VERB";
    case 'a':
        return "ADJ";
    case 'e':
        return "ADV";
    case 'r':
        return "ADP";
    case 'j':
        return "CCONJ";
    case 'c':
        return "SCONJ";
    case 'b':
    case 'f':
    case 'l':
    case 'm':
    case 'o':
    case 't':
        return "PROPN";
    default:
        return NULL;
    }
}

/* The first link that gives the word away. */
static const char *tag_of_links(const ds__link_word *words, int i, const ds__link *links,
                                int n_links)
{
    for (int k = 0; k < n_links; k++) /* before the others: it stands in for what it joins */
        if (links[k].left == i && joins(links[k].label, 'r'))
            return "CCONJ";
    for (int k = 0; k < n_links; k++) {
        const char *name = links[k].label;
        bool left = links[k].left == i, right = links[k].right == i;

        if (left && (is(name, "D", "") || is(name, "DD", "")))
            return is_number(words[i].form) ? "NUM" : words[i].form[0] == '\'' ? "PART" : "DET";
        if (left && is(name, "J", ""))
            return "ADP";
        if (left && is(name, "A", ""))
            return "ADJ";
        if (left && is_auxiliary_link(name))
            return strcasecmp(words[i].form, "to") == 0 ? "PART" : "AUX";
        if (right && name[0] == 'Y')
            return "PART";
    }
    for (int k = 0; k < n_links; k++)
        if ((links[k].left == i && links[k].label[0] == 'E') ||
            (links[k].right == i && is(links[k].label, "MV", "a")))
            return "ADV";
    return NULL;
}

/* A word that the dictionary does not know, by its place alone. */
static const char *tag_of_place(const ds__link_word *words, int i, const ds__link *links,
                                int n_links)
{
    for (int k = 0; k < n_links; k++) {
        const char *name = links[k].label;

        if ((links[k].left == i && (is(name, "AN", "") || is(name, "S", ""))) ||
            (links[k].right == i && (is(name, "D", "") || is(name, "O", "") || is(name, "J", ""))))
            return isupper((unsigned char)words[i].form[0]) ? "PROPN" : "NOUN";
    }
    return is_number(words[i].form) ? "NUM" : "X";
}

const char *ds__part_of_speech(const ds__link_word *words, int i, const ds__link *links,
                               int n_links)
{
    const char *tag;

    if (is_punctuation(words[i].form))
        return "PUNCT";
    tag = tag_of_links(words, i, links, n_links);
    if (tag == NULL)
        tag = tag_of_mark(words[i].form, words[i].mark);
    return tag != NULL ? tag : tag_of_place(words, i, links, n_links);
}

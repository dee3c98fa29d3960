/* link_grammar.c - link-grammar behind our interface. Captions are mostly noun phrases, which the
 * dictionary parses badly on their own; so a caption is parsed as the object of "I see", then
 * alone, and the parse that leaves out fewer words is taken. */

#include "optional/link_grammar.h"

#include <link-grammar/link-includes.h>
#include <string.h>

#include "base/arena.h"
#include "optional/links.h"

#define CARRIER "I see "
enum { CARRIER_BYTES = sizeof CARRIER - 1, CARRIER_WORDS = 2, MAX_TEXT = 1000 };

typedef struct parser {
    Dictionary dictionary;
    Parse_Options options;
} parser;

typedef struct syntax {
    ds_syntax public;
    ds_arena arena;
} syntax;

static void drop_message(lg_errinfo *message, void *user)
{
    (void)message;
    (void)user;
}

static void parser_close(void *state)
{
    parser *p = state;

    if (p->options != NULL)
        parse_options_delete(p->options);
    if (p->dictionary != NULL)
        dictionary_delete(p->dictionary);
    ds_free(p);
}

static ds_status parser_open(void **out, ds_error *err)
{
    parser *p = ds_calloc(1, sizeof *p);

    *out = NULL;
    if (p == NULL)
        return ds_fail(err, DS_E_NOMEM, "a parser");
    lg_error_set_handler(drop_message, NULL);
    p->dictionary = dictionary_create_lang("en");
    p->options = parse_options_create();
    if (p->dictionary == NULL || p->options == NULL) {
        parser_close(p);
        return ds_fail(err, DS_E_IO,
                       "link-grammar found no English dictionary; install the package "
                       "link-grammar-dictionaries-en");
    }
    parse_options_set_verbosity(p->options, 0);
    parse_options_set_linkage_limit(p->options, 100);
    parse_options_set_max_null_count(p->options, DS__SYNTAX_WORDS);
    parse_options_set_max_parse_time(p->options, 10);
    *out = p;
    return DS_OK;
}

/* A parse in the library's form; null_count -1: none. */
typedef struct parse {
    Sentence sentence;
    Linkage linkage;
    int null_count;
    int skip_bytes, skip_words; /* of the carrier */
} parse;

static void parse_free(parse *p)
{
    if (p->linkage != NULL)
        linkage_delete(p->linkage);
    if (p->sentence != NULL)
        sentence_delete(p->sentence);
    *p = (parse){ .null_count = -1 };
}

static parse try_parse(parser *p, const char *text, bool carried)
{
    char carrier[CARRIER_BYTES + MAX_TEXT + 1];
    parse r = { .null_count = -1,
                .skip_bytes = carried ? CARRIER_BYTES : 0,
                .skip_words = carried ? CARRIER_WORDS : 0 };

    if (carried) {
        memcpy(carrier, CARRIER, CARRIER_BYTES);
        memcpy(carrier + CARRIER_BYTES, text, strlen(text) + 1);
    }
    r.sentence = sentence_create(carried ? carrier : text, p->dictionary);
    if (r.sentence == NULL || sentence_split(r.sentence, p->options) != 0)
        return r;
    parse_options_reset_resources(p->options);
    if (sentence_parse(r.sentence, p->options) <= 0)
        return r;
    r.linkage = linkage_create(0, r.sentence, p->options);
    if (r.linkage != NULL)
        r.null_count = sentence_null_count(r.sentence);
    return r;
}

/* The word's number in our result for its number in the linkage; -1 for walls and the carrier. */
static int own_index(const parse *r, size_t word, int n_words)
{
    int i = (int)word - 1 - r->skip_words;

    return i >= 0 && i < n_words ? i : -1;
}

/* "cat.n", "[on]", "twemoji[!].n-u": the mark stands behind the last point. */
static const char *mark_of(ds_arena *arena, const char *word)
{
    const char *point = strrchr(word, '.');

    return point != NULL && point > word && point[1] != '\0'
               ? ds__arena_printf(arena, "%s", point + 1)
               : "";
}

static ds_status read_words(syntax *s, ds__link_word *forms, const parse *r, int n,
                            const char *text, ds_error *err)
{
    ds_syntax_word *words = ds__arena_alloc(&s->arena, (size_t)(n + 1) * sizeof *words);

    if (words == NULL)
        return ds_fail(err, DS_E_NOMEM, "%d words", n);
    for (int i = 0; i < n; i++) {
        WordIdx w = (WordIdx)(i + 1 + r->skip_words);
        int64_t begin = (int64_t)linkage_get_word_byte_start(r->linkage, w) - r->skip_bytes;
        int64_t end = (int64_t)linkage_get_word_byte_end(r->linkage, w) - r->skip_bytes;
        const char *form = ds__arena_printf(&s->arena, "%.*s", (int)(end - begin), text + begin);
        const char *mark = mark_of(&s->arena, linkage_get_word(r->linkage, w));

        if (form == NULL || mark == NULL)
            return ds_fail(err, DS_E_NOMEM, "%d words", n);
        words[i] = (ds_syntax_word){ form, begin, end, "X" };
        forms[i] = (ds__link_word){ form, mark };
    }
    s->public.words = words;
    s->public.word_count = n;
    return DS_OK;
}

/* Fills links and returns their number; *root is what the carrier's verb or the wall holds. */
static int read_links(ds__link *links, int *root, const parse *r, int n_words)
{
    int n = (int)linkage_get_num_links(r->linkage), kept = 0;

    *root = -1;
    for (int i = 0; i < n && kept < DS__SYNTAX_LINKS; i++) {
        ds__link l = { linkage_get_link_label(r->linkage, (LinkIdx)i),
                       own_index(r, linkage_get_link_lword(r->linkage, (LinkIdx)i), n_words),
                       own_index(r, linkage_get_link_rword(r->linkage, (LinkIdx)i), n_words) };

        if (l.left < 0 && l.right >= 0 && *root < 0 &&
            (strncmp(l.label, "CV", 2) == 0 || l.label[0] == 'O' || l.label[0] == 'W'))
            *root = l.right;
        links[kept++] = l;
    }
    return kept;
}

static ds_status read_parse(syntax *s, const parse *r, const char *text, ds_error *err)
{
    int n = (int)linkage_get_num_words(r->linkage) - 2 - r->skip_words, n_links, root;
    ds__link_word *forms = ds__arena_alloc(&s->arena, DS__SYNTAX_WORDS * sizeof *forms);
    ds__link *links = ds__arena_alloc(&s->arena, DS__SYNTAX_LINKS * sizeof *links);
    ds_syntax_relation *relations =
        ds__arena_alloc(&s->arena, DS__SYNTAX_LINKS * sizeof *relations);
    ds_status st;

    if (forms == NULL || links == NULL || relations == NULL)
        return ds_fail(err, DS_E_NOMEM, "a parse");
    n = n < 0 ? 0 : n > DS__SYNTAX_WORDS ? DS__SYNTAX_WORDS : n;
    st = read_words(s, forms, r, n, text, err);
    if (st != DS_OK)
        return st;
    n_links = read_links(links, &root, r, n);
    s->public.relation_count = ds__relations(relations, forms, n, links, n_links, root);
    s->public.relations = relations;
    s->public.left_out = r->null_count;
    for (int i = 0; i < n; i++)
        ((ds_syntax_word *)s->public.words)[i].tag = ds__part_of_speech(forms, i, links, n_links);
    return DS_OK;
}

static void syntax_release(ds_syntax *public)
{
    syntax *s = (syntax *)public; /* its first member */

    ds__arena_free(&s->arena);
    ds_free(s);
}

static ds_status parser_parse(void *state, ds_syntax **out, const char *text, ds_error *err)
{
    parser *p = state;
    syntax *s;
    parse best, alone;
    ds_status st;

    *out = NULL;
    if (strlen(text) > MAX_TEXT)
        return ds_fail(err, DS_E_ARG, "syntax: expected at most %d bytes, found %zu", MAX_TEXT,
                       strlen(text));
    best = try_parse(p, text, true);
    if (best.null_count != 0) {
        alone = try_parse(p, text, false);
        if (best.null_count < 0 || (alone.null_count >= 0 && alone.null_count < best.null_count)) {
            parse_free(&best);
            best = alone;
        } else {
            parse_free(&alone);
        }
    }
    s = best.null_count >= 0 ? ds_calloc(1, sizeof *s) : NULL;
    if (best.null_count < 0)
        st = ds_fail(err, DS_E_NOMATCH, "syntax: no parse of \"%.80s\"", text);
    else if (s == NULL)
        st = ds_fail(err, DS_E_NOMEM, "a parse");
    else
        st = read_parse(s, &best, text, err);
    parse_free(&best);
    if (st != DS_OK) {
        if (s != NULL)
            syntax_release(&s->public);
        return st;
    }
    *out = &s->public;
    return DS_OK;
}

const ds_grammar ds__link_grammar = { sizeof(ds_grammar), parser_open, parser_close, parser_parse,
                                      syntax_release };

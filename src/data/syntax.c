/* syntax.c - grammar of captions, by whoever offers it (ds_grammar_use). */

#include <diffuscope/syntax.h>

static const ds_grammar *offered; /* NULL: nobody does */

struct ds_parser {
    const ds_grammar *grammar;
    void *state;
};

void ds_grammar_use(const ds_grammar *grammar)
{
    offered = grammar;
}

bool ds_syntax_available(void)
{
    return offered != NULL;
}

ds_status ds_parser_open(ds_parser **out, ds_error *err)
{
    ds_parser *p;
    ds_status st;

    *out = NULL;
    if (offered == NULL)
        return ds_fail(err, DS_E_UNSUPPORTED,
                       "nothing here parses captions; install liblink-grammar-dev and "
                       "link-grammar-dictionaries-en, build again, and let the program call "
                       "ds_report_use of libdiffuscope-report");
    p = ds_calloc(1, sizeof *p);
    if (p == NULL)
        return ds_fail(err, DS_E_NOMEM, "a parser");
    p->grammar = offered;
    st = offered->open(&p->state, err);
    if (st != DS_OK) {
        ds_free(p);
        return st;
    }
    *out = p;
    return DS_OK;
}

void ds_parser_close(ds_parser *p)
{
    if (p == NULL)
        return;
    p->grammar->close(p->state);
    ds_free(p);
}

ds_status ds_parser_parse(ds_parser *p, ds_syntax **out, const char *text, ds_error *err)
{
    *out = NULL;
    return p->grammar->parse(p->state, out, text, err);
}

void ds_syntax_free(ds_syntax *s)
{
    if (s != NULL && offered != NULL)
        offered->release(s);
}

/* test_syntax.c - relations of a sample of captions, checked by hand. */

#include "support.h"

#include <diffuscope/syntax.h>
#include <string.h>

/* Captions with their words' tags and all relations, name(head,dependent), by order of dependents.
 * Checked by hand against Universal Dependencies, less what the names in syntax.h say otherwise. */
static const struct {
    const char *text, *tags, *relations;
} sample[] = {
    { "a photo of a black cat on a red sofa", "DET NOUN ADP DET ADJ NOUN ADP DET ADJ NOUN",
      "det(photo,a) case(cat,of) det(cat,a) amod(cat,black) nmod:of(photo,cat) case(sofa,on) "
      "det(sofa,a) amod(sofa,red) nmod:on(cat,sofa)" },
    { "a man riding a wave on a surfboard", "DET NOUN VERB DET NOUN ADP DET NOUN",
      "det(man,a) acl(man,riding) det(wave,a) obj(riding,wave) case(surfboard,on) "
      "det(surfboard,a) nmod:on(wave,surfboard)" },
    { "two dogs play with a ball", "NUM NOUN VERB ADP DET NOUN",
      "nummod(dogs,two) nsubj(play,dogs) case(ball,with) det(ball,a) obl:with(play,ball)" },
    { "a cat and a dog", "DET NOUN CCONJ DET NOUN",
      "det(cat,a) cc(cat,and) det(dog,a) conj:and(cat,dog)" },
    { "a cat, a dog and a horse", "DET NOUN PUNCT DET NOUN CCONJ DET NOUN",
      "det(cat,a) punct(cat,,) det(dog,a) conj(cat,dog) cc(cat,and) det(horse,a) "
      "conj:and(cat,horse)" },
    { "the woman's hat is red", "DET NOUN PART NOUN AUX ADJ",
      "det(woman,the) nmod:poss(hat,woman) case(woman,'s) nsubj(is,hat) acomp(is,red)" },
    { "a person who holds an umbrella", "DET NOUN PRON VERB DET NOUN",
      "det(person,a) nsubj(holds,who) acl:relcl(person,holds) det(umbrella,an) "
      "obj(holds,umbrella)" },
    { "a cow standing in a green field.", "DET NOUN VERB ADP DET ADJ NOUN PUNCT",
      "det(cow,a) acl(cow,standing) case(field,in) det(field,a) amod(field,green) "
      "obl:in(standing,field) punct(cow,.)" },
    { "some candy inside a picture frame", "DET NOUN ADP DET NOUN NOUN",
      "det(candy,some) case(frame,inside) det(frame,a) compound(frame,picture) "
      "nmod:inside(candy,frame)" },
    { "a large bowl, filled with fresh fruit", "DET ADJ NOUN PUNCT VERB ADP ADJ NOUN",
      "det(bowl,a) amod(bowl,large) punct(filled,,) acl(bowl,filled) case(fruit,with) "
      "amod(fruit,fresh) obl:with(filled,fruit)" },
    { "John is driving a blue car down the streets", "PROPN AUX VERB DET ADJ NOUN ADP DET NOUN",
      "nsubj(driving,John) aux(driving,is) det(car,a) amod(car,blue) obj(driving,car) "
      "case(streets,down) det(streets,the) obl:down(driving,streets)" },
    { "a man and a woman sit on a bench", "DET NOUN CCONJ DET NOUN VERB ADP DET NOUN",
      "det(man,a) nsubj(sit,man) cc(man,and) det(woman,a) conj:and(man,woman) case(bench,on) "
      "det(bench,a) obl:on(sit,bench)" },
    { "the black and white cat sleeps quietly", "DET ADJ CCONJ ADJ NOUN VERB ADV",
      "det(cat,the) amod(cat,black) cc(black,and) conj:and(black,white) nsubj(sleeps,cat) "
      "advmod(sleeps,quietly)" },
    { "there are three red apples on the table", "PRON AUX NUM ADJ NOUN ADP DET NOUN",
      "nummod(apples,three) amod(apples,red) attr(are,apples) case(table,on) det(table,the) "
      "nmod:on(apples,table)" },
    { "the boy kicked the ball", "DET NOUN VERB DET NOUN",
      "det(boy,the) nsubj(kicked,boy) det(ball,the) obj(kicked,ball)" },
    { "she wants to ride the horse", "PRON VERB PART VERB DET NOUN",
      "nsubj(wants,she) mark(ride,to) xcomp(wants,ride) det(horse,the) obj(ride,horse)" },
    { "a bus parked near a stop sign", "DET NOUN VERB ADP DET NOUN NOUN",
      "det(bus,a) acl(bus,parked) case(sign,near) det(sign,a) compound(sign,stop) "
      "obl:near(parked,sign)" },
    { "a big delft candy on a black background", "DET ADJ ADJ NOUN ADP DET ADJ NOUN",
      "det(candy,a) amod(candy,big) amod(candy,delft) case(background,on) det(background,a) "
      "amod(background,black) nmod:on(candy,background)" },
    { "a tiny needle on a brown background in twemoji style",
      "DET ADJ NOUN ADP DET ADJ NOUN ADP NOUN NOUN",
      "det(needle,a) amod(needle,tiny) case(background,on) det(background,a) "
      "amod(background,brown) nmod:on(needle,background) case(style,in) "
      "compound(style,twemoji) nmod:in(background,style)" },
};

static void captions_checked_by_hand(void **state)
{
    ds_parser *p;
    ds_error err = { 0 };

    (void)state;
    if (!ds_syntax_available()) {
        assert_int_equal(ds_parser_open(&p, &err), DS_E_UNSUPPORTED);
        assert_non_null(strstr(err.text, "install"));
        printf("SKIPPED: built without link-grammar\n");
        skip();
    }
    ts_ok(ds_parser_open(&p, &err), &err);
    for (size_t i = 0; i < DS_COUNT(sample); i++) {
        char tags[200] = "", relations[900] = "";
        ds_syntax *s;

        ts_ok(ds_parser_parse(p, &s, sample[i].text, &err), &err);
        for (int64_t k = 0; k < s->word_count; k++) {
            snprintf(tags + strlen(tags), 12, "%s%s", k > 0 ? " " : "", s->words[k].tag);
            assert_int_equal(strncmp(sample[i].text + s->words[k].begin, s->words[k].text,
                                     strlen(s->words[k].text)),
                             0);
        }
        for (int64_t k = 0; k < s->relation_count; k++)
            snprintf(relations + strlen(relations), 80, "%s%s(%s,%s)", k > 0 ? " " : "",
                     s->relations[k].name, s->words[s->relations[k].head].text,
                     s->words[s->relations[k].dependent].text);
        if (strcmp(tags, sample[i].tags) != 0)
            fail_msg("%s: %s, expected %s", sample[i].text, tags, sample[i].tags);
        if (strcmp(relations, sample[i].relations) != 0)
            fail_msg("%s: %s, expected %s", sample[i].text, relations, sample[i].relations);
        ds_syntax_free(s);
    }
    ds_parser_close(p);
}

static void odd_text_does_no_harm(void **state)
{
    static const char *const odd[] = { "",
                                       " ",
                                       "...",
                                       "\xf0\x9f\x90\x88 \xf0\x9f\x90\x95",
                                       "((((a)))) [b] {c} <d>",
                                       "cat cat cat cat cat cat cat cat",
                                       "colourless green qwxzy sleep furiously of of of" };
    char long_text[1200];
    ds_parser *p;
    ds_syntax *s;
    ds_error err = { 0 };

    (void)state;
    if (!ds_syntax_available())
        skip();
    ts_ok(ds_parser_open(&p, &err), &err);
    for (size_t i = 0; i < DS_COUNT(odd); i++) {
        ds_error why = { 0 };
        ds_status st = ds_parser_parse(p, &s, odd[i], &why);

        assert_true(st == DS_OK || (st == DS_E_NOMATCH && why.text[0] != '\0'));
        for (int64_t k = 0; st == DS_OK && k < s->word_count; k++)
            assert_true(s->words[k].end <= (int64_t)strlen(odd[i]));
        ds_syntax_free(s);
    }
    memset(long_text, 'a', sizeof long_text - 1);
    long_text[sizeof long_text - 1] = '\0';
    assert_int_equal(ds_parser_parse(p, &s, long_text, NULL), DS_E_ARG);
    ds_parser_close(p);
    ds_parser_close(NULL);
    ds_syntax_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(captions_checked_by_hand),
        cmocka_unit_test(odd_text_does_no_harm),
    };

    return cmocka_run_group_tests_name("syntax", tests, NULL, NULL);
}

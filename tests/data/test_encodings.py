"""The encoding of a file is told from its bytes; where two fit, both are named."""

from __future__ import annotations

import pytest

from loopbook.data import encodings

TEXTS = {
    "cp1252": "ville,texte\nOrléans,le café était très bon à l'hôtel\nNîmes,ça marche déjà\n",
    "cp1250": "miasto;opinia\nŁódź;obsługa była świetna\nKraków;paczka przyszła uszkodzona, żądam zwrotu\n",
    "iso8859_2": "miasto;opinia\nŁódź;obsługa była świetna\nKraków;paczka przyszła uszkodzona, żądam zwrotu\n",
    "cp1254": "şehir;yorum\nİstanbul;çok güzel bir hizmet aldım\nİzmir;ürün kırık geldi, iade istiyorum\n",
    "cp1251": "город;отзыв\nМосква;очень хорошее обслуживание\nТула;товар пришел сломанным\n",
    "koi8_r": "город;отзыв\nМосква;очень хорошее обслуживание\nТула;товар пришел сломанным\n",
    "cp1253": "πόλη;γνώμη\nΑθήνα;πολύ καλή εξυπηρέτηση\nΠάτρα;το δέμα ήρθε σπασμένο\n",
    "cp1255": "עיר,דעה\nחיפה,שירות מצוין\nתל אביב,המוצר הגיע שבור\n",
    "gbk": "评论,标签\n体验很棒下次还会再买,好\n产品到货时坏了我要退款,差\n",
    "big5": "評論,標籤\n服務非常好下次還會再買,好\n產品壞了我要退款,差\n",
    "cp932": "口コミ,ラベル\n店員が親切で大変満足しました,良い\n届いた箱が壊れていて返金を求めます,悪い\n",
    "euc_jp": "口コミ,ラベル\n店員が親切で大変満足しました,良い\n届いた箱が壊れていて返金を求めます,悪い\n",
    "cp949": "리뷰,라벨\n서비스가 정말 좋았습니다,좋음\n제품이 고장나서 환불을 원합니다,나쁨\n",
    "shift_jis": "ヒンモク,フラグ\nコーヒー,ハイ\nチョコレートケーキ,イイエ\nスマートフォン,ハイ\n",
    "latin-1": "größte,Fläche\nöße,12 m²\nSüß,3\n",
    "utf-8": "a,b\nKäse,评论\n",
    "utf-16": "a,b\nKäse,评论\n",
}


@pytest.mark.parametrize("written", TEXTS)
@pytest.mark.parametrize("plain_lines", [0, 5_000])
def test_a_file_is_read_as_it_was_written(written: str, plain_lines: int) -> None:
    text = "x,1\n" * plain_lines + TEXTS[written] * 10
    content = text.encode(written)
    assert content.decode(encodings.likely(content)[0]) == text


def test_where_two_encodings_fit_both_are_named() -> None:
    found = encodings.likely("name,y\nJosé Ñandú,1\n".encode("cp1252") + b"pen \xa3,2\n")
    assert found[0] == "cp1252"
    likely = encodings.likely("item,price\npen,£5\ncup,£7\n".encode("cp1252"))
    assert likely[0] == "cp1252"
    assert len(likely) > 1


def test_bytes_that_no_encoding_knows_still_have_one_that_reads_them() -> None:
    content = b"a,b\n" + bytes(range(128, 256)) + b",1\n"
    content.decode(encodings.likely(content)[0])

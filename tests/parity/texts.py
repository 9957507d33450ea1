"""Texts that tokenizers might disagree about: each within one run of speech, without special tokens."""

from typing import Final
from unicodedata import normalize

_COMPOSED: Final = [
    "Déjà l'été à Nîmes, où Noël fut très gai !",
    "Äpfel, Öl und Übermut: größer geht's nicht.",
    "Tiếng Việt có nhiều dấu thanh.",
    "안녕하세요, 저는 한국어를 말합니다.",
    "がぎぐげご、パピプペポ。",
    "Ångström Ω K",
]

TEXTS: Final = [
    "Hello",
    "It's the dog's; they'll say WE'RE late, won't they?",
    "camelCase HTTPServer iPhone16Pro x86_64 snake_case",
    "In 2026, 1,234.56 € and 12:30h; +49 (0)30 123-456 = 50% off!",
    "two  spaces   three\ttab and   more",
    "One line.\nAnother line.\n\nA paragraph!\r\n- item\n- item",
    "Ends a line, \n then goes on \n\n  indented",
    '"Quoted" ‘single’ “double” «guillemets» — dash – dash … dots...',
    "emoji 😀👍🏽👩‍👩‍👧 and flags 🇫🇷, hearts ❤️",
    "我叫通义千问，是阿里云的开源大模型。今天天气很好！",
    "今天是2026年11月24日，气温25℃，我们一起去Café吧。",
    "吾輩は猫である。名前はまだ無い。どこで生れたかとんと見当がつかぬ。",
    "這是一段沒有任何空格而且比四十個字還要長得多的中文文字，它用來檢查切分的地方，看看切分會不會改變詞元，因為標點後面的字可能和標點連在一起。",
    "如果你明天有时间的话，请给我打一个电话，在晚上八点以前都可以，并且记得告诉我你住在哪里，则我们可以早点出发。",
    "Привет, как дела? Всё хорошо.",
    "مرحبا بالعالم، كيف حالك؟",
    "नमस्ते दुनिया, आप कैसे हैं?",
    "สวัสดีชาวโลก",
    "a" * 60,
    "https://example.org/path?query=1&other=two#part",
    "https://example.org/a-rather-long-path/===/with_under_scores/and/2026-11-24T16:02:33Z?x=[1,2]&&y=...",
    "x = {'a': [1, 2, 3]}; print(f\"{x!r}\")",
    *_COMPOSED,
    *(normalize("NFD", text) for text in _COMPOSED),
]

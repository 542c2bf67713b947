"""Portuguese for the words of the page."""

from web.portuguese_guide import GUIDE

PORTUGUESE: dict[str, str] = {
    **GUIDE,
    # head, foot and tabs
    "Is there a malaria parasite in this red cell, and where? A research model shows its reasons.": (
        "Há um parasita da malária nesta hemácia, e onde? Um modelo de pesquisa mostra as suas razões."
    ),
    "Research use only, not for diagnosis": "Somente para pesquisa, não para diagnóstico",
    "Research use only, not for diagnosis.": "Somente para pesquisa, não para diagnóstico.",
    "One cell": "Uma célula",
    "Many cells": "Várias células",
    "How to read this": "Como ler esta página",
    "Glossary": "Glossário",
    # upload
    "Upload one red blood cell from a Giemsa-stained thin smear, or pick an example. You get:": (
        "Envie uma hemácia de um esfregaço delgado corado com Giemsa, ou escolha um exemplo. Você obtém:"
    ),
    "two verdicts, from a classifier and from how likely the model finds the cell under each class;": (
        "dois veredictos: o de um classificador e o da verossimilhança da célula em cada classe;"
    ),
    "a map of where the evidence lies;": "um mapa de onde estão os indícios;",
    "on request, the smallest edit that changes the verdict: the parasite removed, or added.": (
        "a pedido, a menor edição que muda o veredicto: o parasita removido, ou acrescentado."
    ),
    "It knows parasite or no parasite, not species, stage or count, and only slides like those it learnt from.": (
        "Conhece parasita ou nenhum parasita, não espécie, estágio nem número, e só lâminas como aquelas em que "
        "aprendeu."
    ),
    "Cell": "Célula",
    "Drop a cell image here or click to upload: PNG, JPEG, TIFF, WebP, BMP": (
        "Solte aqui a imagem de uma célula ou clique: PNG, JPEG, TIFF, WebP, BMP"
    ),
    "What was found": "O que foi encontrado",
    "Use the picture as it is": "Usar a imagem como está",
    "Upload a cell first: this page no longer holds one.": "Envie primeiro uma célula: esta página já não tem nenhuma.",
    "Synthetic examples, drawn by the model (no patients)": (
        "Exemplos sintéticos, desenhados pelo modelo (nenhum paciente)"
    ),
    "Do not cut the cell out of its background": "Não recortar a célula do fundo",
    # settings
    "Advanced": "Opções",
    "Draws": "Sorteios",
    "More are slower and more precise": "Mais sorteios: mais lento e mais preciso",
    "Seed": "Semente",
    "Same seed, same numbers": "Mesma semente, mesmos números",
    "Explain again": "Explicar de novo",
    "Strength of the edit": "Força da edição",
    "Smallest change that flips": "A menor mudança que inverte",
    "Fixed strength": "Força fixa",
    "Starting noise, in steps": "Ruído inicial, em passos",
    "Guidance": "Orientação",
    # verdicts
    "Parasitized": "Parasitada",
    "Uninfected": "Não infectada",
    "Classifier": "Classificador",
    "Likelihood": "Verossimilhança",
    "Comparing how likely the cell is under each class …": "Comparando a verossimilhança em cada classe …",
    "Both verdicts agree; by likelihood {share}.": "Os dois veredictos concordam; por verossimilhança {share}.",
    "The likelihood leans the same way: {share}.": "A verossimilhança inclina-se para o mesmo lado: {share}.",
    "The two verdicts disagree": "Os dois veredictos discordam",
    "Trust neither.": "Não confie em nenhum.",
    "This does not look like a stained red cell": "Isto não parece uma hemácia corada",
    "The model has seen nothing like it: read nothing into the figures. If it is a red cell all the same, its "
    "stain or light is strange to the model: look at it yourself.": (
        "O modelo não viu nada parecido: não tire nada dos números. Se ainda assim for um glóbulo vermelho, a "
        "sua coloração ou luz é estranha ao modelo: olhe você mesmo."
    ),
    "Unclear: the classifier is not sure ({share} {name})": (
        "Indefinida: o classificador não tem certeza ({share} {name})"
    ),
    "What stands out from the background was cut out and put on black.": (
        "O que se destaca do fundo foi recortado e posto sobre fundo preto."
    ),
    "Show the figures anyway": "Mostrar os números mesmo assim",
    "The picture": "A imagem",
    # evidence and likelihood
    "Where the evidence lies": "Onde estão os indícios",
    "The cell": "A célula",
    "Evidence map": "Mapa de indícios",
    "Gradient saliency": "Saliência por gradiente",
    "Compare with the classifier’s gradient": "Comparar com o gradiente do classificador",
    "speaks for {label}": "indica {label}",
    "no evidence": "sem indício",
    "weak gradient": "gradiente fraco",
    "strong gradient": "gradiente forte",
    "full colour: {scale} log-odds a pixel": "cor plena: {scale} log-chance por pixel",
    "ELBO, nats": "ELBO, nats",
    "standard error": "erro padrão",
    "Difference": "Diferença",
    "How to read the chart": "Como ler o gráfico",
    "Hide the comparison": "Ocultar a comparação",
    "ELBO under each class": "ELBO em cada classe",
    "ELBO, {first} less {second}: {difference} ± {error} nats": (
        "ELBO, {first} menos {second}: {difference} ± {error} nats"
    ),
    "{draws} paired draws.": "{draws} sorteios pareados.",
    "A difference within twice its error says nothing.": "Uma diferença menor que o dobro do seu erro não diz nada.",
    "The likelihood verdict reads only the noise levels that tell the classes apart: {verdict}.": (
        "O veredicto de verossimilhança lê só os níveis de ruído que distinguem as classes: {verdict}."
    ),
    "It points the other way than the likelihood verdict ({verdict}), which reads only the noise levels that tell"
    " the classes apart and is what counts. ± is the noise of drawing, not how far the model may err.": (
        "Ela aponta para o outro lado que o veredicto de verossimilhança ({verdict}), que lê só os níveis de ruído "
        "que distinguem as classes e é o que conta. ± é o ruído do sorteio, não o quanto o modelo pode errar."
    ),
    "nats relative to the mean of both (right: higher)": "nats em torno da média das duas (à direita: maior)",
    # edit
    "What would change the verdict": "O que mudaria o veredicto",
    "Stop": "Parar",
    "Stopped. Nothing was kept of the unfinished edit.": "Parado. Nada foi guardado da edição inacabada.",
    "Looking for the way back to noise …": "Procurando o caminho até o ruído …",
    "attempt {attempt} of {attempts}, guidance {guidance}, step {step} of {steps}": (
        "tentativa {attempt} de {attempts}, orientação {guidance}, passo {step} de {steps}"
    ),
    "at most {seconds} s left": "no máximo mais {seconds} s",
    "The edit so far": "A edição até agora",
    "This edit works: classifier and likelihood both say {target} now.": (
        "Esta edição funciona: classificador e verossimilhança dizem agora {target}."
    ),
    "Find the smallest change of verdict": "Buscar a menor mudança de veredicto",
    "Change the verdict with the fixed strength": "Mudar o veredicto com a força fixa",
    "Remove the parasite": "Remover o parasita",
    "Add a parasite": "Acrescentar um parasita",
    "The classifier says {label}, so a parasite can be removed.": (
        "O classificador diz {label}: pode-se remover um parasita."
    ),
    "The classifier says {label}, so a parasite can be added.": (
        "O classificador diz {label}: pode-se acrescentar um parasita."
    ),
    "No edit is offered: the picture does not look like a stained red cell.": (
        "Nenhuma edição é oferecida: a imagem não parece uma hemácia corada."
    ),
    "Stopped. You still see the previous edit.": "Parado. Você ainda vê a edição anterior.",
    "Read, edited and reported at {now} pixels; the upload has {before} of it.": (
        "Lida, editada e relatada em {now} pixels; na imagem enviada são {before}."
    ),
    "Computing two more edits …": "Calculando mais duas edições …",
    "Not convincing: {reason}. Do not take this picture as an explanation.": (
        "Não convence: {reason}. Não tome esta imagem como explicação."
    ),
    "the classifier reaches {share}, {least} is asked for": "o classificador chega a {share}, pedem-se {least}",
    "the likelihood reaches {share}, {least} is asked for": "a verossimilhança chega a {share}, pedem-se {least}",
    "at the resolution of the cell the classifier falls short of {least}": (
        "na resolução da célula, o classificador não chega a {least}"
    ),
    "You can try another seed or a fixed strength.": "Você pode tentar outra semente ou uma força fixa.",
    "You can try another seed or another strength.": "Você pode tentar outra semente ou outra força.",
    "reaches": "chega a",
    "Side by side": "Lado a lado",
    "before": "antes",
    "after": "depois",
    "yes": "sim",
    "no": "não",
    "Before | after": "Antes | depois",
    "Slider": "Controle",
    "Alternating": "Alternar",
    "Change map": "Mapa de mudanças",
    "now darker": "mais escuro",
    "unchanged": "igual",
    "now brighter": "mais claro",
    "green: the edit made it brighter; purple: darker (luminance, of 255)": (
        "verde: a edição clareou; roxo: escureceu (luminância, em 255)"
    ),
    "changes below {level} are hidden": "mudanças abaixo de {level} ficam ocultas",
    "Hide changes below (of 255)": "Ocultar mudanças abaixo de (em 255)",
    "Opacity of the colours (%)": "Opacidade das cores (%)",
    "Outline what changed visibly": "Contornar o que mudou visivelmente",
    "{share} of the cell changed visibly (by more than 10 of 255); over the whole picture a pixel moved by "
    "{distance} of 255 on average.": (
        "{share} da célula mudou visivelmente (mais de 10 de 255); em toda a imagem, um pixel mudou {distance} "
        "de 255 em média."
    ),
    "Guidance {guidance}, attempt {attempt} of at most {attempts}.": (
        "Orientação {guidance}, tentativa {attempt} de no máximo {attempts}."
    ),
    "Likelihood of the edit from {draws} draws.": "Verossimilhança da edição com {draws} sorteios.",
    "Compare a weaker and a stronger edit": "Comparar uma edição mais fraca e uma mais forte",
    "Weaker": "Mais fraca",
    "As above": "Como acima",
    "Stronger": "Mais forte",
    "Turns both verdicts": "Inverte os dois veredictos",
    "Does not turn both verdicts": "Não inverte os dois veredictos",
    "Turns both, the classifier only to {share}": "Inverte os dois, o classificador só até {share}",
    "Turns both, the likelihood only to {share}": "Inverte os dois, a verossimilhança só até {share}",
    "Turns both, but not at the resolution of the cell": "Inverte os dois, mas não na resolução da célula",
    "Guidance {guidance}.": "Orientação {guidance}.",
    "The edit ends where both verdicts turn, so a trace of the parasite may stay.": (
        "A edição termina quando os dois veredictos mudam: um vestígio do parasita pode ficar."
    ),
    "Keep before and after (animated WebP)": "Guardar antes e depois (WebP animado)",
    "Download PDF": "Baixar PDF",
    "All files (ZIP)": "Todos os arquivos (ZIP)",
    "Preparing …": "Preparando …",
    "PDF: this cell on one page. ZIP: its pictures, the page as PNG and PDF, and a JSON with every setting.": (
        "PDF: esta célula em uma página. ZIP: as suas imagens, a página em PNG e PDF, e um JSON com todas as opções."
    ),
    # many cells
    "Drop several images of one cell each, or a ZIP of them. Every cell gets its verdicts; press one in the table to "
    "see its evidence. Nothing is kept beyond the session.": (
        "Solte várias imagens de uma célula cada, ou um ZIP delas. Cada célula recebe os seus veredictos; clique "
        "numa linha da tabela para ver os seus indícios. Nada é guardado depois da sessão."
    ),
    "Images, or a ZIP of them": "Imagens, ou um ZIP delas",
    "Download table (CSV)": "Baixar tabela (CSV)",
    "Include an edit of every cell in the reports (takes longer)": (
        "Incluir nos relatórios uma edição de cada célula (demora mais)"
    ),
    "Prepare reports (ZIP)": "Preparar relatórios (ZIP)",
    "Download reports (ZIP)": "Baixar relatórios (ZIP)",
    "The reports are ready.": "Os relatórios estão prontos.",
    "Stopped. What was done stays:": "Parado. O que foi feito fica:",
    "File": "Arquivo",
    "Verdict": "Veredicto",
    "Remarks": "Observações",
    "Unclear": "Indefinida",
    "not read": "não lido",
    "verdicts disagree": "veredictos discordam",
    "not sure": "incerto",
    "unfamiliar": "estranho ao modelo",
    "several cells": "várias células",
    "no cell found": "nenhuma célula encontrada",
    "{done} of {total}": "{done} de {total}",
    "about {time} left": "faltam cerca de {time}",
    "Starting …": "Iniciando …",
    "report {number} of {total}": "relatório {number} de {total}",
    "{count} cell: {verdicts}": "{count} célula ({verdicts})",
    "{count} cells: {verdicts}": "{count} células ({verdicts})",
    "{count} {verdict}": "{verdict}: {count}",
    "unclear": "Indefinida",
    "; ": "; ",
    ": ": ": ",
    "{count} picture does not look like a cell": "{count} imagem não parece uma célula",
    "{count} pictures do not look like a cell": "{count} imagens não parecem uma célula",
    "Not a cell?": "Não é uma célula?",
    "“{verdict}”: the two verdicts disagree, or the classifier gives neither class {least}.": (
        "“{verdict}”: os dois veredictos discordam, ou o classificador não dá {least} a nenhuma das duas classes."
    ),
    "“{verdict}”: nothing like it was in training; its figures mean nothing.": (
        "“{verdict}”: nada parecido havia no treinamento; os seus números nada significam."
    ),
    "Hide cells that both verdicts call {label}, without remarks": (
        "Ocultar as células que os dois vereditos dizem “{label}”, sem observações"
    ),
    "Press “{heading}” to see suspicious cells first.": "Clique em “{heading}” para ver primeiro as células suspeitas.",
    "Previous": "Anterior",
    "Next": "Próxima",
    "Close": "Fechar",
    "Open in One cell": "Abrir em “Uma célula”",
    "Quick look, {draws} draws: “{tab}” uses {usual} and is steadier.": (
        "Olhada rápida, {draws} sorteios: “{tab}” usa {usual} e dá números mais estáveis."
    ),
    "No cell could be read.": "Nenhuma célula pôde ser lida.",
    "{count} file could not be read; the table says why.": "{count} arquivo não pôde ser lido; a tabela diz por quê.",
    "{count} files could not be read; the table says why.": (
        "{count} arquivos não puderam ser lidos; a tabela diz por quê."
    ),
    "Only the first {taken} of {total} files were taken.": "Só os primeiros {taken} de {total} arquivos foram aceitos.",
    # what was found in a picture
    "One cell was found on a bright background and put on black.": (
        "Uma célula foi encontrada sobre fundo claro e colocada sobre fundo preto."
    ),
    "One cell of {count} that the picture shows was found on a bright background and put on black.": (
        "Uma célula, das {count} que a imagem mostra, foi encontrada sobre fundo claro e colocada sobre fundo preto."
    ),
    "{count} cells, none of them clearly the one that is meant: the whole picture is read as one cell.": (
        "{count} células, nenhuma delas claramente a visada: a imagem inteira é lida como uma só célula."
    ),
    "No whole cell stands out from a background: the whole picture is read as one cell.": (
        "Nenhuma célula inteira se destaca de um fundo: a imagem inteira é lida como uma só célula."
    ),
}
